/**
 * Advice before any work: which number format fits a model and a GPU, what it needs and what it may
 * cost. Reads {@code config.json} only; no weights.
 *
 * <p>{@link org.modelopt.models.advice.GpuCatalogue} holds what data sheets say of accelerators, in
 * the resource {@code gpus.json}. {@link org.modelopt.models.advice.Blueprint} is a model's modules
 * without its weights. {@link org.modelopt.models.advice.Advisor} puts both together into an {@link
 * org.modelopt.models.advice.Estimate} for each format and recommends one.
 *
 * <p>All throughput figures are estimates from a roofline: a decoding step takes the longer of
 * reading the weights and the key-value cache once, and of its multiplications. Not here: measuring
 * anything, or choosing formats per layer, which {@code org.modelopt.quantize} does.
 */
@NullMarked
package org.modelopt.models.advice;

import org.jspecify.annotations.NullMarked;
