/**
 * Checkpoints of integers for weight-only kernels: AutoAWQ ({@link
 * org.modelopt.export.integer.AutoAwqTarget}), llm-awq ({@link
 * org.modelopt.export.integer.LlmAwqTarget}) and GPTQ ({@link
 * org.modelopt.export.integer.GptqTarget}).
 *
 * <p>A weight stands for {@code (code - zero point) * scale}, codes from 0. Symmetric codes are
 * stored with zero points in the middle. Scales are F16; codes are the nearest under the rounded
 * scales.
 *
 * <p>Sources: AutoAWQ {@code awq/modules/linear}, llm-awq {@code awq/quantize/qmodule.py},
 * GPTQModel {@code gptqmodel/nn_modules/qlinear}.
 */
@NullMarked
package org.modelopt.export.integer;

import org.jspecify.annotations.NullMarked;
