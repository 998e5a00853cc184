package org.modelopt.quantize;

import java.util.List;
import java.util.function.UnaryOperator;
import org.modelopt.compute.Product;
import org.modelopt.compute.Workers;
import org.modelopt.statistics.SecondMoment;

/**
 * Moves magnitude between input channels and weight columns: {@code W diag(s)} is quantized and
 * inputs are multiplied by {@code 1 / s}, which leaves the unquantized function as it is.
 *
 * <p>{@link #smooth} makes activations easy to quantize (SmoothQuant, arXiv 2211.10438); {@link
 * #awq} gives the factors among which a search finds those with the smallest output error (AWQ,
 * arXiv 2306.00978).
 */
public final class ChannelScaling {
  private static final float LEAST = 1e-4f;
  private static final float MOST = 1e4f;
  private static final int COLUMNS_PER_TASK = 256;

  private ChannelScaling() {}

  /**
   * SmoothQuant: {@code s_j = a_j^alpha / w_j^(1 - alpha)}, between 1e-4 and 1e4, 1 where nothing
   * was seen.
   *
   * @param inputAmax largest input magnitude per channel
   * @param weightAmax largest weight magnitude per column, over all members of the input group
   */
  public static float[] smooth(float[] inputAmax, float[] weightAmax, double alpha) {
    float[] factors = new float[inputAmax.length];
    for (int j = 0; j < factors.length; j++) {
      // The reciprocal is clamped, so that what inputs are multiplied by keeps within the limits.
      double multiplier = Math.pow(weightAmax[j], 1 - alpha) / Math.pow(inputAmax[j], alpha);
      factors[j] =
          inputAmax[j] <= 0x1p-31f || weightAmax[j] == 0
              ? 1
              : 1 / Math.clamp((float) multiplier, LEAST, MOST);
    }
    return factors;
  }

  /**
   * Adds up {@code |w| / amax of its block} per column; divided by the number of rows, the mean.
   *
   * @param sums {@code [in]}, added to in row order
   */
  public static void addWeightMagnitudes(Matrix weight, int block, double[] sums, Workers workers) {
    float[] amax = Grid.maxima(weight, block, workers);
    int perRow = Math.ceilDiv(weight.columns(), block);
    float[] values = weight.values();
    workers.forRange(
        weight.columns(),
        COLUMNS_PER_TASK,
        (from, to) -> {
          for (int row = 0; row < weight.rows(); row++) {
            int start = row * weight.columns();
            for (int first = (int) from, end; first < to; first = end) {
              end = Math.min((int) to, (first / block + 1) * block);
              float most = amax[row * perRow + first / block];
              if (most > 0) {
                addShares(values, start, first, end, most, sums);
              }
            }
          }
        });
  }

  private static void addShares(
      float[] values, int start, int first, int end, float most, double[] sums) {
    for (int j = first; j < end; j++) {
      sums[j] += Math.abs(values[start + j]) / most;
    }
  }

  /**
   * AWQ: {@code s_j = x_j^r / w_j^(1 - r)}, between 1e-4 and 1e4, divided by {@code sqrt(max s *
   * min s)}; 1 where nothing was seen or the column is zero.
   *
   * @param inputs mean input magnitude per channel
   * @param weights mean share of its block's amax per column
   * @param exponent r, 0 to 1
   */
  public static float[] awq(double[] inputs, double[] weights, double exponent) {
    float[] factors = new float[inputs.length];
    float least = Float.POSITIVE_INFINITY;
    float most = 0;
    for (int j = 0; j < factors.length; j++) {
      double raw = Math.pow(inputs[j], exponent) / Math.pow(weights[j], 1 - exponent);
      factors[j] = Math.clamp((float) raw, LEAST, MOST);
      if (inputs[j] == 0 || weights[j] == 0) {
        factors[j] = Float.NaN; // says nothing about the others
        continue;
      }
      least = Math.min(least, factors[j]);
      most = Math.max(most, factors[j]);
    }
    float middle = (float) Math.sqrt((double) most * least);
    for (int j = 0; j < factors.length; j++) {
      factors[j] = Float.isNaN(factors[j]) ? 1 : factors[j] / middle;
    }
    return factors;
  }

  /**
   * The squared error of all outputs over all tokens seen, under each of {@code candidates}.
   *
   * @param quantize what quantizing and dequantizing makes of a scaled weight
   */
  public static double[] errors(
      Matrix weight,
      List<float[]> candidates,
      SecondMoment moment,
      UnaryOperator<Matrix> quantize,
      Product product,
      Workers workers) {
    double[] errors = new double[candidates.size()];
    for (int i = 0; i < errors.length; i++) {
      float[] factors = candidates.get(i);
      Matrix candidate =
          quantize
              .apply(weight.scaleColumns(factors, workers))
              .scaleColumns(reciprocals(factors), workers);
      errors[i] = OutputError.of(weight, candidate, moment, product, workers);
    }
    return errors;
  }

  /** {@code 1 / factors}. */
  public static float[] reciprocals(float[] factors) {
    float[] reciprocals = new float[factors.length];
    for (int j = 0; j < factors.length; j++) {
      reciprocals[j] = 1 / factors[j];
    }
    return reciprocals;
  }
}
