package org.modelopt.compute.cpu;

import java.lang.foreign.MemorySegment;
import org.modelopt.compute.ChannelSummary;
import org.modelopt.compute.NormSpec;
import org.modelopt.compute.Workers;
import org.modelopt.tensor.Tensor;

/** Operations on whole rows of a matrix, and sums along its rows or columns. */
final class RowOperations {
  private static final int ELEMENTS_PER_TASK = 32768;
  private static final int CHANNELS_PER_TASK = 256;
  private static final int VOCABULARY_BLOCK = 4096; // a multiple of Kernels.LANES

  private final Kernels kernels;
  private final Workers workers;

  RowOperations(Kernels kernels, Workers workers) {
    this.kernels = kernels;
    this.workers = workers;
  }

  /** Row {@code ids[i]} of {@code table} to row i of {@code y}, for {@code count} rows. */
  void embed(MemorySegment ids, MemorySegment table, MemorySegment y, long count, long rowBytes) {
    workers.forRange(
        count,
        Math.max(1, ELEMENTS_PER_TASK / Math.max(1, rowBytes)),
        (from, to) -> {
          for (long i = from; i < to; i++) {
            long row = ids.get(Tensor.INT, i << 2);
            MemorySegment.copy(table, row * rowBytes, y, i * rowBytes, rowBytes);
          }
        });
  }

  /** {@code y = x / sqrt(mean(x^2) + epsilon) * weight} for each of {@code rows} rows. */
  void rmsNorm(Elements x, Elements weight, NormSpec spec, Elements y, long rows, int columns) {
    float[] factors = factors(weight, spec, columns);
    boolean rounding = y.isBfloat16() && !spec.weightInFloat32();
    workers.forRange(
        rows,
        rowsPerTask(columns),
        (from, to) -> {
          Block block = new Block(kernels, columns);
          for (long row = from; row < to; row++) {
            block.load(x, row * columns, columns);
            float mean = kernels.sumOfSquares(block.values(), columns) / columns;
            float inverse = 1 / (float) Math.sqrt(mean + spec.epsilon());
            kernels.scale(block.values(), 0, columns, inverse);
            if (rounding) {
              kernels.round(block.values(), 0, columns);
            }
            kernels.multiply(block.values(), factors, columns);
            block.store(y, row * columns, columns);
          }
        });
  }

  /** What rows are multiplied by; 1 + w is rounded as the product is. */
  private float[] factors(Elements weight, NormSpec spec, int columns) {
    Block block = new Block(kernels, columns);
    block.load(weight, 0, columns);
    float[] factors = block.values();
    if (spec.unitOffset()) {
      for (int i = 0; i < columns; i++) {
        factors[i] += 1;
      }
      if (weight.isBfloat16() && !spec.weightInFloat32()) {
        kernels.round(factors, 0, columns);
      }
    }
    return factors;
  }

  /**
   * Rotary embedding of rows of heads.
   *
   * @param half rotated pairs per head: columns of cos and sin
   * @param positions position of each row
   */
  void rotate(
      Elements x,
      int columns,
      int headSize,
      int half,
      Elements cos,
      Elements sin,
      int[] positions,
      Elements y) {
    boolean rounding = y.isBfloat16();
    workers.forRange(
        positions.length,
        rowsPerTask(columns),
        (from, to) -> {
          Block row = new Block(kernels, columns);
          Block rowCos = new Block(kernels, half);
          Block rowSin = new Block(kernels, half);
          for (int i = (int) from; i < to; i++) {
            rowCos.load(cos, (long) positions[i] * half, half);
            rowSin.load(sin, (long) positions[i] * half, half);
            if (rounding) {
              kernels.round(rowCos.values(), 0, half);
              kernels.round(rowSin.values(), 0, half);
            }
            row.load(x, (long) i * columns, columns);
            for (int head = 0; head < columns; head += headSize) {
              kernels.rotate(row.values(), head, half, rowCos.values(), rowSin.values(), rounding);
            }
            row.store(y, (long) i * columns, columns);
          }
        });
  }

  /** Magnitudes per channel; each task owns channels, so sums are in row order. */
  ChannelSummary summarize(Elements x, long rows, int columns) {
    float[] amax = new float[columns];
    double[] sums = new double[columns];
    workers.forRange(
        columns,
        CHANNELS_PER_TASK,
        (from, to) -> {
          int count = (int) (to - from);
          Block block = new Block(kernels, count);
          for (long row = 0; row < rows; row++) {
            block.load(x, row * columns + from, count);
            kernels.accumulate(block.values(), count, amax, sums, (int) from);
          }
        });
    return new ChannelSummary(rows, amax, sums);
  }

  /** {@code log softmax(logits[row])[targets[row]]}, 0 where the target is negative. */
  double[] logLikelihoods(Elements logits, int vocabulary, int[] targets) {
    double[] result = new double[targets.length];
    workers.forRange(
        targets.length,
        1,
        (row, end) -> {
          int target = targets[(int) row];
          if (target >= 0) {
            result[(int) row] = logLikelihood(logits, row * vocabulary, vocabulary, target);
          }
        });
    return result;
  }

  private double logLikelihood(Elements logits, long start, int vocabulary, int target) {
    Block block = new Block(kernels, Math.min(VOCABULARY_BLOCK, vocabulary));
    float max = Float.NEGATIVE_INFINITY;
    float chosen = Float.NaN;
    for (int at = 0; at < vocabulary; at += VOCABULARY_BLOCK) {
      int count = Math.min(VOCABULARY_BLOCK, vocabulary - at);
      block.load(logits, start + at, count);
      max = Math.max(max, kernels.max(block.values(), 0, count));
      if (target >= at && target < at + count) {
        chosen = block.values()[target - at];
      }
    }
    double[] lanes = new double[Kernels.LANES];
    for (int at = 0; at < vocabulary; at += VOCABULARY_BLOCK) {
      int count = Math.min(VOCABULARY_BLOCK, vocabulary - at);
      block.load(logits, start + at, count);
      kernels.addExponentials(block.values(), count, max, lanes);
    }
    return (double) chosen - max - Math.log(ScalarKernels.sum(lanes));
  }

  private static long rowsPerTask(long columns) {
    return Math.max(1, ELEMENTS_PER_TASK / Math.max(1, columns));
  }
}
