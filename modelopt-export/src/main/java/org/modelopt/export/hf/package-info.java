/**
 * What all checkpoints in HuggingFace's layout have in common: shards of safetensors files under
 * the names of the original, {@code config.json} with a {@code quantization_config}, and the
 * tokenizer.
 *
 * <p>A {@link org.modelopt.export.hf.LinearLayout} says what one quantized linear looks like on
 * disk; {@link org.modelopt.export.hf.HfPlan} puts the layouts of all linears and everything else
 * together. The targets themselves are in packages of their own: {@code unified}, {@code
 * compressed}, {@code integer}; those that need no more than this are here: {@link
 * org.modelopt.export.hf.Fp8BlockTarget}, {@link org.modelopt.export.hf.Mxfp4Target} and {@link
 * org.modelopt.export.hf.PlainTarget}.
 */
@NullMarked
package org.modelopt.export.hf;

import org.jspecify.annotations.NullMarked;
