/**
 * The GGUF file format, version 3: typed metadata and tensors of block types in one file.
 *
 * <p>{@link org.modelopt.export.gguf.container.GgufFile} reads and checks a file, {@link
 * org.modelopt.export.gguf.container.GgufLayout} plans one and {@link
 * org.modelopt.export.gguf.container.GgufWriter} fills it in. What the metadata means, and which
 * tensors an architecture has, is not known here.
 *
 * <p>Source: ggml, {@code include/gguf.h} and {@code src/gguf.cpp}.
 */
@NullMarked
package org.modelopt.export.gguf.container;

import org.jspecify.annotations.NullMarked;
