package org.modelopt.formats.internal;

import java.lang.foreign.MemorySegment;
import org.modelopt.numeric.Arithmetic;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.ScaleFormat;
import org.modelopt.tensor.DType;

/**
 * Inner loops over a {@link Strip}. All implementations give the same bits.
 *
 * <p>Element types are F32, BF16 and F16, little-endian, at any byte offset of a segment.
 * Implementations hold no state and are used by many threads.
 */
public interface Kernels {
  /** Name of the rung for logs. */
  String description();

  /** Largest magnitude of {@code n} elements; infinite or NaN if there is such an element. */
  float amax(DType dtype, MemorySegment segment, long offset, long n);

  /** Like {@link #amax} for each group of the strip, from elements in memory. */
  void amaxOfGroups(Strip strip, DType dtype, MemorySegment segment, long offset);

  /**
   * The scale of each group by a rule that depends on amax only: from {@code strip.amax}, all
   * finite, to {@code strip.scale}.
   */
  void scales(Strip strip, QuantSpec spec, Arithmetic arithmetic, float globalScale);

  /**
   * {@code strip.scale}, which are storable, as stored scales number {@code first} and following.
   */
  void storeScales(Strip strip, ScaleFormat format, MemorySegment out, long first);

  /** Stored scales number {@code first} and following to {@code strip.scale}. */
  void loadScales(Strip strip, ScaleFormat format, MemorySegment in, long first);

  /**
   * {@code strip.scale * globalScale * steps} to {@code strip.divisor}; products that are too small
   * for a float32 become the smallest one.
   *
   * @return whether all scales are positive and finite; divisors of others are right as far as they
   *     exist
   */
  boolean divisors(Strip strip, float globalScale, float steps);

  /**
   * Elements to {@code strip.x}, and {@code strip.narrow}; returns their largest magnitude as
   * {@link #amax} does.
   */
  float load(Strip strip, DType dtype, MemorySegment segment, long offset);

  /**
   * {@code strip.x} as elements, rounded to nearest even; finite numbers beyond the type's largest
   * become it.
   */
  void store(Strip strip, DType dtype, MemorySegment segment, long offset);

  /** {@code x = x / divisor}, rounded to float32 and then to {@code dtype}; the first divisor. */
  void divide(Strip strip, DType dtype);

  /** Codes nearest to {@code x / divisor}; changes {@code x}. */
  void encode(Encoding encoding, Strip strip);

  /** {@code x = value(code) * divisor}; what a finite code stands for stays finite. */
  void decode(Encoding encoding, Strip strip);

  /** What encoding and decoding makes of {@code x}; may change {@code codes}. */
  void round(Encoding encoding, Strip strip);

  /** Writes codes of {@code bits} bits as a little-endian bit stream; the rest of a byte is 0. */
  void pack(Strip strip, int bits, MemorySegment out, long offset);

  /** Reads codes of {@code bits} bits from a little-endian bit stream. */
  void unpack(Strip strip, int bits, MemorySegment in, long offset);
}
