package org.modelopt.decision;

import java.util.Optional;
import org.modelopt.numeric.Conversion;
import org.modelopt.numeric.QuantSpec;

/**
 * How a weight becomes codes.
 *
 * @param spec the format
 * @param conversion how values become codes where they are not given
 * @param codes where the codes come from
 * @param second a per-tensor quantization of what the codes stand for, for kernels that compute in
 *     it (FP8 after INT4)
 */
public record WeightQuantization(
    QuantSpec spec, Conversion conversion, Codes codes, Optional<Quantization> second) {
  /** A quantization without a second one. */
  public static WeightQuantization of(QuantSpec spec, Conversion conversion, Codes codes) {
    return new WeightQuantization(spec, conversion, codes, Optional.empty());
  }

  /** Float32 factor of all scales, 1 where the format has none; known without the weight. */
  public float globalScale() {
    return switch (codes) {
      case Codes.ByRule(float globalScale) -> globalScale;
      case Codes.GivenScales(StoredScales scales) -> scales.globalScale();
      case Codes.Given(_, StoredScales scales) -> scales.globalScale();
    };
  }
}
