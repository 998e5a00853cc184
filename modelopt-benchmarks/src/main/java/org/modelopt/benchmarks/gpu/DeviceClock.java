package org.modelopt.benchmarks.gpu;

import java.util.Arrays;
import org.modelopt.compute.cuda.CudaBackend;

/** Seconds that work takes on the device. */
final class DeviceClock {
  private static final int ROUNDS = 7;
  private static final double SECONDS_PER_ROUND = 0.03;

  private final CudaBackend backend;

  DeviceClock(CudaBackend backend) {
    this.backend = backend;
  }

  /** Median over rounds of many runs each, after a warm-up. */
  double seconds(Runnable work) {
    work.run();
    backend.synchronize();
    long start = System.nanoTime();
    work.run();
    backend.synchronize();
    double once = (System.nanoTime() - start) * 1e-9;
    int runs = (int) Math.clamp(SECONDS_PER_ROUND / once, 1, 200);
    double[] seconds = new double[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
      start = System.nanoTime();
      for (int i = 0; i < runs; i++) {
        work.run();
      }
      backend.synchronize();
      seconds[round] = (System.nanoTime() - start) * 1e-9 / runs;
    }
    Arrays.sort(seconds);
    return seconds[ROUNDS / 2];
  }
}
