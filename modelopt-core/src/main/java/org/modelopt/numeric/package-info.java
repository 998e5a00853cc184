/**
 * Descriptions of low-precision numbers and the contract of what converts to them.
 *
 * <p>A quantization format is a product of independent choices: how one element is encoded ({@link
 * org.modelopt.numeric.NumberFormat}), which elements share a scale ({@link
 * org.modelopt.numeric.Granularity}), how scales are stored ({@link
 * org.modelopt.numeric.ScaleFormat}) and computed ({@link org.modelopt.numeric.ScaleRule}), and
 * when ({@code dynamic}). {@link org.modelopt.numeric.QuantSpec} holds one choice of each; NVFP4 is
 * (E2M1, blocks of 16, E4M3 scales under a global float32). A {@link
 * org.modelopt.numeric.Quantizer} does the arithmetic; implementations come from the module {@code
 * modelopt-formats} through {@link org.modelopt.numeric.Quantizers}.
 */
@NullMarked
package org.modelopt.numeric;

import org.jspecify.annotations.NullMarked;
