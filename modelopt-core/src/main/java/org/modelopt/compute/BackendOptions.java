package org.modelopt.compute;

/**
 * What a backend is opened with.
 *
 * @param device index of the device among those of its kind, from 0
 * @param threads host threads, at least 1
 */
public record BackendOptions(int device, int threads) {
  /** Checks the ranges. */
  public BackendOptions {
    if (device < 0 || threads < 1) {
      throw new IllegalArgumentException(
          "device must not be negative and threads at least 1: %d, %d".formatted(device, threads));
    }
  }

  /** Device 0 and as many threads as the machine has processors. */
  public static BackendOptions defaults() {
    return new BackendOptions(0, Runtime.getRuntime().availableProcessors());
  }

  /** A copy with another number of threads. */
  public BackendOptions withThreads(int newThreads) {
    return new BackendOptions(device, newThreads);
  }
}
