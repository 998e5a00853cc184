/**
 * Checkpoints of the classic TensorRT-LLM: {@link org.modelopt.export.trtllm.TensorRtLlmTarget}.
 *
 * <p>A directory has one safetensors file for each rank, already split: layers go to stages of the
 * pipeline, rows and columns of their weights to the ranks of a stage. q, k and v are one tensor,
 * and so are all experts of a layer. The activation is applied to {@code mlp.fc}, so that holds
 * gate_proj; {@code mlp.gate} holds up_proj.
 *
 * <p>Sources: TensorRT-LLM {@code docs/source/architecture/checkpoint.md}, {@code
 * tensorrt_llm/models/modeling_utils.py}; NVIDIA Model-Optimizer 0.47, {@code
 * modelopt/torch/export/model_config_utils.py}.
 */
@NullMarked
package org.modelopt.export.trtllm;

import org.jspecify.annotations.NullMarked;
