/**
 * The entrance: {@link org.modelopt.ModelOpt} quantizes a model in one call.
 *
 * <pre>{@code
 * try (Model model = Models.load(Path.of("Llama-3.1-8B-Instruct"))) {
 *   QuantizedModel quantized = ModelOpt.quantize(model, Config.FP8_DEFAULT);
 *   Exports.huggingFace(quantized).to(Path.of("out/llama-fp8"));
 * }
 * }</pre>
 */
@NullMarked
package org.modelopt;

import org.jspecify.annotations.NullMarked;
