/**
 * How good a model is, measured on text.
 *
 * <p>{@link org.modelopt.models.evaluation.Perplexity} runs {@link
 * org.modelopt.models.evaluation.EvaluationWindows} through a model, quantized or not, layer by
 * layer, so that a model of any size can be measured in the memory of one layer:
 *
 * <pre>{@code
 * List<Tensor> windows = EvaluationWindows.ofText(text, encoder, beginOfText, 2048, 64);
 * double before = Perplexity.measure(model, windows, options).value();
 * double after = Perplexity.measure(model, quantized.decisions(), windows, options).value();
 * }</pre>
 */
@NullMarked
package org.modelopt.models.evaluation;

import org.jspecify.annotations.NullMarked;
