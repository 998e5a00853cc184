package org.modelopt.decision;

import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.Scales;

/**
 * How one weight, input or cache is quantized.
 *
 * @param spec the format
 * @param scales its scales; for dynamic specs only the global scale counts
 */
public record Quantization(QuantSpec spec, Scales scales) {}
