/**
 * The tokenizer in the metadata of a GGUF file, made from {@code tokenizer.json} and its
 * companions.
 *
 * <p>{@link org.modelopt.export.gguf.tokenizer.TokenizerKeys} is the entrance. Two kinds exist:
 * byte-level BPE, whose way of splitting text has to be one that llama.cpp has a name for, and
 * SentencePiece BPE, which merges by scores.
 *
 * <p>Source: llama.cpp, {@code src/llama-vocab.cpp} and {@code gguf-py/gguf/vocab.py}.
 */
@NullMarked
package org.modelopt.export.gguf.tokenizer;

import org.jspecify.annotations.NullMarked;
