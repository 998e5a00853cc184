/**
 * HuggingFace-style checkpoints with ModelOpt's quantization metadata, as vLLM, SGLang and the
 * PyTorch backend of TensorRT-LLM load them.
 *
 * <p>{@link org.modelopt.export.hf.HfExport} streams the tensors. What a quantized linear looks
 * like on disk is a {@link org.modelopt.export.hf.LinearLayout}, one per format. Names, dtypes and
 * scale rules follow the unified export of NVIDIA Model-Optimizer 0.47.
 */
@NullMarked
package org.modelopt.export.hf;

import org.jspecify.annotations.NullMarked;
