package org.modelopt.compute.cpu;

import org.modelopt.compute.Activation;
import org.modelopt.compute.Workers;

/** Operations on one element at a time. */
final class Elementwise {
  private static final int BLOCK = 4096;
  private static final int BLOCKS_PER_TASK = 8;

  private final Kernels kernels;
  private final Workers workers;

  Elementwise(Kernels kernels, Workers workers) {
    this.kernels = kernels;
    this.workers = workers;
  }

  /** {@code y = x}, rounded to the type of y. */
  void convert(Elements x, Elements y, long count) {
    forBlocks(
        count,
        (first, second, at, n) -> {
          first.load(x, at, n);
          first.store(y, at, n);
        });
  }

  /** {@code sum = x + y}. */
  void add(Elements x, Elements y, Elements sum, long count) {
    forBlocks(
        count,
        (first, second, at, n) -> {
          first.load(x, at, n);
          second.load(y, at, n);
          kernels.add(first.values(), second.values(), n);
          first.store(sum, at, n);
        });
  }

  /** {@code y = factor * x}. */
  void scale(Elements x, float factor, Elements y, long count) {
    forBlocks(
        count,
        (first, second, at, n) -> {
          first.load(x, at, n);
          kernels.scale(first.values(), 0, n, factor);
          first.store(y, at, n);
        });
  }

  /** {@code y = cap * tanh(x / cap)}. */
  void softCap(Elements x, float cap, Elements y, long count) {
    forBlocks(
        count,
        (first, second, at, n) -> {
          first.load(x, at, n);
          kernels.cap(first.values(), 0, n, cap);
          first.store(y, at, n);
        });
  }

  /** {@code y = activation(gate) * up}, both rounded to the type of y. */
  void gated(Activation activation, Elements gate, Elements up, Elements y, long count) {
    forBlocks(
        count,
        (first, second, at, n) -> {
          first.load(gate, at, n);
          kernels.activate(activation, first.values(), n);
          if (y.isBfloat16()) {
            kernels.round(first.values(), 0, n);
          }
          second.load(up, at, n);
          if (activation == Activation.CLAMPED_SWIGLU) {
            kernels.clampAddOne(second.values(), n, Activation.SWIGLU_LIMIT);
            if (y.isBfloat16()) {
              kernels.round(second.values(), 0, n);
            }
          }
          kernels.multiply(first.values(), second.values(), n);
          first.store(y, at, n);
        });
  }

  @FunctionalInterface
  private interface BlockTask {
    void run(Block first, Block second, long at, int count);
  }

  private void forBlocks(long count, BlockTask task) {
    workers.forRange(
        count,
        (long) BLOCK * BLOCKS_PER_TASK,
        (from, to) -> {
          int capacity = (int) Math.min(BLOCK, to - from);
          Block first = new Block(kernels, capacity);
          Block second = new Block(kernels, capacity);
          for (long at = from; at < to; at += BLOCK) {
            task.run(first, second, at, (int) Math.min(BLOCK, to - at));
          }
        });
  }
}
