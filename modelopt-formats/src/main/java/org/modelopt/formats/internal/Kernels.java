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
  /** Partial sums of {@link #differences}. */
  int SUM_LANES = 16;

  /** Name of the rung for logs. */
  String description();

  /** Largest magnitude of {@code n} elements; infinite or NaN if there is such an element. */
  float amax(DType dtype, MemorySegment segment, long offset, long n);

  /**
   * Like {@link #amax} for each group of the strip, from elements in memory, to {@code strip.amax}.
   *
   * @return the largest of them
   */
  float amaxOfGroups(Strip strip, DType dtype, MemorySegment segment, long offset);

  /**
   * The scale of each group by a rule that depends on amax only: from {@code strip.amax}, all
   * finite, to {@code strip.scale}.
   */
  void scales(Strip strip, QuantSpec spec, Arithmetic arithmetic, float globalScale);

  /**
   * The scale of each group of E2M1 by the rule four over six, to {@code strip.scale}; NaN where
   * the caller must find it. Changes {@code x} and {@code y}.
   */
  void fourOverSix(Strip strip, float globalScale, DType dtype, MemorySegment segment, long offset);

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

  /**
   * Packed codes nearest to {@code element / divisor} straight from memory to memory, if there is a
   * loop for the case. It may need the amax of groups and makes them unless {@link
   * Strip#amaxKnown}.
   *
   * @param n number of elements; if the strip has a single group, they may be more than fit it
   * @param behind number of elements behind them that will be needed next and may be fetched
   * @return whether that was done; false if elements are not finite or the loop does not suit, and
   *     then what was written means nothing
   */
  boolean encode(
      Encoding encoding,
      Strip strip,
      int n,
      int behind,
      DType dtype,
      MemorySegment in,
      long inAt,
      MemorySegment out,
      long outAt);

  /**
   * {@code value(code) * divisor} of packed codes straight from memory to memory, as {@link
   * #decode} and {@link #store} give it, if there is a loop for the case.
   *
   * @param n number of elements; if the strip has a single group, they may be more than fit it
   * @return whether that was done; if not, what was written means nothing
   */
  boolean decode(
      Encoding encoding,
      Strip strip,
      int n,
      MemorySegment in,
      long inAt,
      DType dtype,
      MemorySegment out,
      long outAt);

  /** {@code x = value(code) * divisor}; what a finite code stands for stays finite. */
  void decode(Encoding encoding, Strip strip);

  /** What encoding and decoding makes of {@code x}; may change {@code codes}. */
  void round(Encoding encoding, Strip strip);

  /**
   * Adds to {@code sums}: the squares of {@code x - y}, the squares of {@code x}, and how many
   * magnitudes in {@code x} are beyond {@code reach} times their group's divisor. In float64; each
   * {@value #SUM_LANES}th element goes to one sum, then the sums are added in halves. Changes what
   * is behind the last element.
   */
  void differences(Strip strip, float reach, double[] sums);

  /** Writes codes of {@code bits} bits as a little-endian bit stream; the rest of a byte is 0. */
  void pack(Strip strip, int bits, MemorySegment out, long offset);

  /** Reads codes of {@code bits} bits from a little-endian bit stream. */
  void unpack(Strip strip, int bits, MemorySegment in, long offset);
}
