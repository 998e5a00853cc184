package org.modelopt.decision;

import org.modelopt.numeric.Conversion;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.Scales;

/**
 * How one input or cache is quantized.
 *
 * @param spec the format
 * @param scales its scales; for dynamic specs only the global scale counts
 * @param conversion how values become codes
 */
public record Quantization(QuantSpec spec, Scales scales, Conversion conversion) {
  /** A quantization that rounds to the nearest code. */
  public static Quantization of(QuantSpec spec, Scales scales) {
    return new Quantization(spec, scales, Conversion.DEFAULT);
  }
}
