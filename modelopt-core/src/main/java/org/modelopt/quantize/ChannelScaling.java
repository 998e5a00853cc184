package org.modelopt.quantize;

import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.modelopt.compute.Workers;
import org.modelopt.statistics.SecondMoment;

/**
 * Moves magnitude between input channels and weight columns: {@code W diag(s)} is quantized and
 * inputs are multiplied by {@code 1 / s}, which leaves the unquantized function as it is.
 *
 * <p>{@link #smooth} makes activations easy to quantize (SmoothQuant, arXiv 2211.10438); {@link
 * #search} finds the factors under which a quantized weight has the smallest output error (AWQ,
 * arXiv 2306.00978), from the second moment instead of the samples.
 */
public final class ChannelScaling {
  private static final float LEAST = 1e-4f;
  private static final float MOST = 1e4f;

  /**
   * Factors that were found.
   *
   * @param factors s, by which weight columns are multiplied and inputs divided
   * @param exponent share of the activations' magnitude that moved
   * @param losses mean squared output error for each exponent tried, in order
   */
  public record Search(List<Float> factors, double exponent, List<Double> losses) {
    /** Copies the lists. */
    public Search {
      factors = List.copyOf(factors);
      losses = List.copyOf(losses);
    }

    /** The factors as an array of the caller's own. */
    public float[] toArray() {
      float[] array = new float[factors.size()];
      for (int i = 0; i < array.length; i++) {
        array[i] = factors.get(i);
      }
      return array;
    }
  }

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

  /** Mean over rows of {@code |w| / amax of its block}, per column. */
  public static double[] weightMagnitudes(Matrix weight, int block) {
    float[] amax = Grid.maxima(weight, block);
    int perRow = Math.ceilDiv(weight.columns(), block);
    double[] sums = new double[weight.columns()];
    for (int row = 0; row < weight.rows(); row++) {
      for (int j = 0; j < sums.length; j++) {
        float most = amax[row * perRow + j / block];
        sums[j] += most == 0 ? 0 : Math.abs(weight.get(row, j)) / most;
      }
    }
    for (int j = 0; j < sums.length; j++) {
      sums[j] /= weight.rows();
    }
    return sums;
  }

  /**
   * AWQ: {@code s_j = x_j^r / w_j^(1 - r)} for r from 0 to 1, divided by {@code sqrt(max s * min
   * s)}; the first r of the smallest error wins.
   *
   * @param inputMagnitudes mean input magnitude per channel
   * @param block block size of the weight's scales
   * @param step distance of exponents, such as 0.1
   * @param quantize what quantizing and dequantizing makes of a scaled weight
   */
  public static Search search(
      Matrix weight,
      double[] inputMagnitudes,
      SecondMoment moment,
      int block,
      double step,
      UnaryOperator<Matrix> quantize,
      Workers workers) {
    double[] weightMagnitudes = weightMagnitudes(weight, block);
    double divisor = (double) moment.tokens() * weight.rows();
    int count = (int) Math.round(1 / step) + 1;
    List<Double> losses = new ArrayList<>();
    float[] best = new float[0];
    double bestLoss = Double.POSITIVE_INFINITY;
    double bestExponent = 0;
    for (int i = 0; i < count; i++) {
      double exponent = Math.min(1, i * step);
      float[] factors = awqFactors(inputMagnitudes, weightMagnitudes, exponent);
      Matrix candidate =
          quantize.apply(weight.scaleColumns(factors)).scaleColumns(reciprocals(factors));
      double loss = OutputError.of(weight, candidate, moment, workers) / divisor;
      losses.add(loss);
      if (best.length == 0 || loss < bestLoss) {
        best = factors;
        bestLoss = loss;
        bestExponent = exponent;
      }
    }
    List<Float> factors = new ArrayList<>();
    for (float factor : best) {
      factors.add(factor);
    }
    return new Search(factors, bestExponent, losses);
  }

  private static float[] awqFactors(double[] inputs, double[] weights, double exponent) {
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

  private static float[] reciprocals(float[] factors) {
    float[] reciprocals = new float[factors.length];
    for (int j = 0; j < factors.length; j++) {
      reciprocals[j] = 1 / factors[j];
    }
    return reciprocals;
  }
}
