package org.modelopt.job;

import java.util.function.LongSupplier;

/**
 * Keeps writing in proportion to computing: says whether so many more bytes can be written with all
 * writing staying under a tenth of the time since the job began. How long writing takes is
 * measured; before the first time 500 MB/s are assumed.
 */
final class WriteBudget {
  private static final double SHARE = 0.1;
  private static final double ASSUMED_NANOS_PER_BYTE = 2;

  private final LongSupplier nanoTime;
  private final long start;
  private long begun;
  private long spent;
  private long written;

  WriteBudget(LongSupplier nanoTime) {
    this.nanoTime = nanoTime;
    this.start = nanoTime.getAsLong();
  }

  boolean allows(long bytes) {
    double nanosPerByte = written == 0 ? ASSUMED_NANOS_PER_BYTE : (double) spent / written;
    return spent + bytes * nanosPerByte <= SHARE * (nanoTime.getAsLong() - start);
  }

  /** Writing begins. */
  void begin() {
    begun = nanoTime.getAsLong();
  }

  /** Writing of {@code bytes} ended. */
  void end(long bytes) {
    spent += nanoTime.getAsLong() - begun;
    written += bytes;
  }
}
