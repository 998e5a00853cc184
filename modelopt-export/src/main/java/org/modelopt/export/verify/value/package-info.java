/**
 * Values: what the consumer will compute with, against what the original checkpoint holds.
 *
 * <p>{@link org.modelopt.export.verify.value.ValueCheck} maps one tensor at a time and reads a few
 * rows at a time, so that memory stays bounded whatever the size of the model. A quantized weight
 * may be as far off as its format explains, an unquantized one must be equal up to a cast. Factors
 * that calibration moved into norms and pre-quantization scales are undone first.
 */
@NullMarked
package org.modelopt.export.verify.value;

import org.jspecify.annotations.NullMarked;
