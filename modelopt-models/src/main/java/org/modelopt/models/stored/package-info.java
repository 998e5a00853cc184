/**
 * Checkpoints that are quantized already: what their codes and scales mean, so that a model reads
 * them as it reads any other.
 *
 * <p>{@link org.modelopt.models.stored.StoredQuantization} tells the form of each linear from the
 * names, types and shapes of its tensors, and from {@code quantization_config} only what tensors do
 * not show: how inputs are quantized as they come. It reads what ModelOpt, compressed-tensors, AWQ,
 * GPTQ, DeepSeek ({@code weight_scale_inv}) and gpt-oss ({@code _blocks}) write.
 */
@NullMarked
package org.modelopt.models.stored;

import org.jspecify.annotations.NullMarked;
