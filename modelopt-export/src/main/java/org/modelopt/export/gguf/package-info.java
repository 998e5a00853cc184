/**
 * GGUF files for llama.cpp: {@link org.modelopt.export.gguf.GgufExport} writes one, {@link
 * org.modelopt.export.gguf.GgufType} says in which types.
 *
 * <p>Below it: the file format ({@code container}), the architectures, the tokenizer, importance
 * matrices, and the check of what was written ({@code verify}). The block formats of tensors are in
 * {@code org.modelopt.formats.ggml}.
 *
 * <pre>{@code
 * GgufExport.of(Path.of("Qwen3-0.6B")).type(GgufType.Q4_K_M).to(Path.of("qwen3-q4_k_m.gguf"));
 * }</pre>
 */
@NullMarked
package org.modelopt.export.gguf;

import org.jspecify.annotations.NullMarked;
