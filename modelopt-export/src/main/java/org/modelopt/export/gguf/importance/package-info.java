/**
 * Importance matrices: for each weight matrix, the mean square of the activation that enters each
 * of its columns, by which quantization errors are weighted.
 *
 * <p>{@link org.modelopt.export.gguf.importance.ImportanceMatrix} holds them, and reads and writes
 * the files of llama.cpp's {@code llama-imatrix}.
 *
 * <p>Source: llama.cpp, {@code tools/imatrix/imatrix.cpp} and {@code common/imatrix-loader.cpp}.
 */
@NullMarked
package org.modelopt.export.gguf.importance;

import org.jspecify.annotations.NullMarked;
