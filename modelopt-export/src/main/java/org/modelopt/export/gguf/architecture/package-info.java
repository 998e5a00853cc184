/**
 * What a HuggingFace checkpoint becomes in GGUF: names, shapes and metadata of the architectures
 * that are known.
 *
 * <p>{@link org.modelopt.export.gguf.architecture.GgufArchitecture} is the table of architectures,
 * {@link org.modelopt.export.gguf.architecture.ArchitectureKeys} makes the metadata, and {@link
 * org.modelopt.export.gguf.architecture.TensorPlanner} says of each tensor which rows of which
 * stored tensors it has. No values are read here.
 *
 * <p>Source: llama.cpp, {@code src/llama-arch.cpp}, {@code gguf-py/gguf/tensor_mapping.py} and
 * {@code conversion/}.
 */
@NullMarked
package org.modelopt.export.gguf.architecture;

import org.jspecify.annotations.NullMarked;
