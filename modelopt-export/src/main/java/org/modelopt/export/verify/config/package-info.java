/**
 * What an export says of itself: {@link org.modelopt.export.verify.config.SettingsReader} reads
 * {@code config.json} and its companions into {@link
 * org.modelopt.export.verify.config.QuantizationSettings}.
 *
 * <p>Settings say how a layer is stored, exclusions aside: what an exclusion list means differs
 * from consumer to consumer and is decided in {@code org.modelopt.export.verify.consumer}.
 *
 * <p>Source: vLLM, {@code config/model.py}; SGLang, {@code configs/model_config.py}; TensorRT-LLM,
 * {@code quantization/modelopt_config.py}.
 */
@NullMarked
package org.modelopt.export.verify.config;

import org.jspecify.annotations.NullMarked;
