/**
 * Checkpoints of compressed-tensors, which vLLM, SGLang, transformers and (some schemes) the
 * PyTorch backend of TensorRT-LLM load: {@link
 * org.modelopt.export.compressed.CompressedTensorsTarget}.
 *
 * <p>Sources: compressed-tensors, {@code compressors} and {@code quantization/quant_args.py}; vLLM,
 * {@code layers/quantization/compressed_tensors}.
 */
@NullMarked
package org.modelopt.export.compressed;

import org.jspecify.annotations.NullMarked;
