package org.modelopt.quantize;

import java.util.Arrays;
import java.util.Optional;
import org.modelopt.compute.Workers;
import org.modelopt.statistics.SecondMoment;

/**
 * Chooses the scale of every block of a weight among multiples of its usual scale.
 *
 * <p>A multiple is better if the block's error is smaller: {@code |d|^2}, or with a second moment
 * {@code d H_block dᵀ}, the output error that the block alone makes (AWQ's clip search and the
 * local Hessian). The first of equals wins. Errors in float64.
 */
public final class ScaleSearch {
  private ScaleSearch() {}

  /**
   * The grid with the best multiple for each block.
   *
   * @param multiples in the order of preference; with 1 among them no block gets worse
   * @param moment of the inputs; empty for the plain squared error
   */
  public static Grid search(
      Matrix weight, Grid grid, float[] multiples, Optional<SecondMoment> moment, Workers workers) {
    float[] scales = grid.scales();
    float[] best = scales.clone();
    int block = grid.block();
    int perRow = Math.ceilDiv(weight.columns(), block);
    double[] bestErrors = new double[scales.length];
    Arrays.fill(bestErrors, Double.POSITIVE_INFINITY);
    for (float multiple : multiples) {
      float[] tried = scales.clone();
      for (int i = 0; i < tried.length; i++) {
        tried[i] *= multiple;
      }
      Grid candidate = grid.withScales(tried);
      workers.forRange(
          weight.rows(),
          1,
          (from, to) -> {
            for (int at = (int) from * perRow; at < to * perRow; at++) {
              double error = error(weight, candidate, at / perRow, at % perRow * block, moment);
              if (error < bestErrors[at]) {
                bestErrors[at] = error;
                best[at] = tried[at];
              }
            }
          });
    }
    return grid.withScales(best);
  }

  private static double error(
      Matrix weight, Grid grid, int row, int from, Optional<SecondMoment> moment) {
    double[] d = new double[Math.min(grid.block(), weight.columns() - from)];
    double plain = 0;
    for (int j = 0; j < d.length; j++) {
      float w = weight.get(row, from + j);
      d[j] = (double) grid.nearest(row, from + j, w) - w;
      plain += d[j] * d[j];
    }
    return moment.isPresent() ? moment.get().quadratic(d, from) : plain;
  }

  /** {@code count} multiples from {@code start} to {@code stop}, evenly spaced. */
  public static float[] multiples(double start, double stop, int count) {
    float[] multiples = new float[count];
    for (int i = 0; i < count; i++) {
      multiples[i] = (float) (count == 1 ? start : start + (stop - start) * i / (count - 1));
    }
    return multiples;
  }
}
