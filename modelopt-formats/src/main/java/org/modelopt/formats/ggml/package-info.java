/**
 * The block formats of GGUF files: how llama.cpp stores weights.
 *
 * <p>{@link org.modelopt.formats.ggml.GgmlType} names the types and their sizes. {@link
 * org.modelopt.formats.ggml.GgmlCodec} turns rows of floats into blocks and back; {@link
 * org.modelopt.formats.ggml.FloatRows} reads the floats. {@link
 * org.modelopt.formats.ggml.BlockCheck} finds blocks that no reader would take.
 *
 * <pre>{@code
 * GgmlCodec codec = GgmlCodec.of(GgmlType.Q8_0);
 * byte[] blocks = new byte[Math.toIntExact(GgmlType.Q8_0.byteSize(row.length))];
 * codec.encode(row, row.length, null, blocks);
 * codec.decode(blocks, row.length, row);
 * }</pre>
 *
 * <p>The classes called Blocks are the specification, in plain Java: one sub-block at a time, sums
 * in element order, no fused multiply-add, which gives the bytes of ggml's own quantizer as built
 * for x86-64. The classes called Vector do the same for many blocks or sub-blocks side by side, one
 * per lane, and give the same bits.
 *
 * <p>Source of all layouts and procedures: ggml, {@code src/ggml-common.h} and {@code
 * src/ggml-quants.c}.
 */
@NullMarked
package org.modelopt.formats.ggml;

import org.jspecify.annotations.NullMarked;
