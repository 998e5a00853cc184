/**
 * Holds a GGUF file against what llama.cpp asks of it, and against the checkpoint it was made from.
 *
 * <p>{@link org.modelopt.export.gguf.verify.GgufVerifier} is the entrance. Container, metadata,
 * tokenizer, tensors and values are looked at in that order; all that is wrong is found in one run.
 *
 * <p>Source: llama.cpp, {@code src/llama-model-loader.cpp}, {@code src/llama-model.cpp} and {@code
 * src/llama-vocab.cpp}.
 */
@NullMarked
package org.modelopt.export.gguf.verify;

import org.jspecify.annotations.NullMarked;
