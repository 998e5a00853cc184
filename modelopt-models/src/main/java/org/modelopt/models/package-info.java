/**
 * Models to quantize: language models in HuggingFace checkpoints.
 *
 * <p>{@link org.modelopt.models.Models#load} opens a directory as an {@link
 * org.modelopt.models.HfModel}: config.json says which family it belongs to and how large it is,
 * the safetensors files are mapped layer by layer, tokenizer.json turns text into tokens.
 *
 * <pre>{@code
 * try (HfModel model = Models.load(Path.of("Llama-3.1-8B-Instruct"))) {
 *   System.out.println(model.family().architecture() + ", " + model.spec().blocks().size());
 * }
 * }</pre>
 *
 * <p>Below: {@code family} (architectures), {@code decoder} (their layers), {@code hf} (files),
 * {@code text} (tokenizers), {@code evaluation} (perplexity), {@code pocket} (a model inside the
 * library).
 */
@NullMarked
package org.modelopt.models;

import org.jspecify.annotations.NullMarked;
