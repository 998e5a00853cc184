/**
 * Codes of single numbers, and scales of groups of numbers: the plain statement of every format,
 * which all fast forms must agree with to the bit.
 *
 * <p>{@link org.modelopt.formats.codec.FloatCodec}, {@link org.modelopt.formats.codec.IntCodec} and
 * {@link org.modelopt.formats.codec.CodebookCodec} turn a quotient {@code x / scale} into a code
 * and a code into the value it stands for. {@link org.modelopt.formats.codec.ScaleCodec} stores
 * scales, {@link org.modelopt.formats.codec.ScaleRules} makes them from the elements that share
 * one.
 *
 * <pre>{@code
 * int code = FloatCodec.encode(FloatFormat.E2M1, 2.5f);      // 4: a tie, to the even code
 * float value = FloatCodec.decode(FloatFormat.E2M1, code);   // 2.0
 * }</pre>
 *
 * <p>Sources: OCP 8-bit Floating Point Specification (OFP8); OCP Microscaling Formats (MX) v1.0;
 * QLoRA (arXiv 2305.14314).
 */
@NullMarked
package org.modelopt.formats.codec;

import org.jspecify.annotations.NullMarked;
