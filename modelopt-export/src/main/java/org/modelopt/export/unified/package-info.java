/**
 * ModelOpt's own checkpoints ("unified HF export"), which vLLM, SGLang and the PyTorch backend of
 * TensorRT-LLM load: {@link org.modelopt.export.unified.ModelOptTarget}.
 *
 * <p>Names, types, scale rules and both descriptions follow NVIDIA Model-Optimizer 0.47, {@code
 * modelopt/torch/export}; docs/exports.md lists where this deliberately differs.
 */
@NullMarked
package org.modelopt.export.unified;

import org.jspecify.annotations.NullMarked;
