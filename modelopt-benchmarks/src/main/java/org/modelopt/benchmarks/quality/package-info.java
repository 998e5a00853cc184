/**
 * Measures how well quantized models predict: perplexity and KL divergence from the unquantized
 * model, for each preset, beside the time that deciding took.
 *
 * <p>{@link org.modelopt.benchmarks.quality.QualityTable} is a program; {@code docs/algorithms.md}
 * names the command.
 */
@NullMarked
package org.modelopt.benchmarks.quality;

import org.jspecify.annotations.NullMarked;
