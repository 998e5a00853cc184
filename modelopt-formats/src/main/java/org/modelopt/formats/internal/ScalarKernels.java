package org.modelopt.formats.internal;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.modelopt.formats.codec.Bits;
import org.modelopt.formats.codec.CodebookCodec;
import org.modelopt.formats.codec.FloatCodec;
import org.modelopt.formats.codec.IntCodec;
import org.modelopt.formats.codec.ScaleCodec;
import org.modelopt.formats.codec.ScaleRules;
import org.modelopt.numeric.Arithmetic;
import org.modelopt.numeric.CodebookFormat;
import org.modelopt.numeric.FloatFormat;
import org.modelopt.numeric.IntFormat;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.ScaleFormat;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Tensor;

/** The inner loops in plain Java: one element after the other, by the codecs. */
public final class ScalarKernels implements Kernels {
  @Override
  public String description() {
    return "scalar";
  }

  @Override
  public float amax(DType dtype, MemorySegment segment, long offset, long n) {
    int bits = 0;
    for (long i = 0; i < n; i++) {
      bits = Math.max(bits, magnitudeBits(element(dtype, segment, offset, i)));
    }
    return Float.intBitsToFloat(bits);
  }

  /** Bits of |x| as a float: they order as the magnitudes do, infinity and NaN above all others. */
  private static int magnitudeBits(float x) {
    return Float.floatToRawIntBits(x) & 0x7FFFFFFF;
  }

  /** Largest magnitude of the finite elements; 0 if there are none. */
  public static float finiteAmax(DType dtype, MemorySegment segment, long offset, long n) {
    float amax = 0;
    for (long i = 0; i < n; i++) {
      float magnitude = Math.abs(element(dtype, segment, offset, i));
      amax = magnitude <= Float.MAX_VALUE ? Math.max(amax, magnitude) : amax;
    }
    return amax;
  }

  @Override
  public float amaxOfGroups(Strip strip, DType dtype, MemorySegment segment, long offset) {
    int bytes = dtype.bits() >>> 3;
    int bits = 0;
    for (int g = 0; g < strip.groups(); g++) {
      int start = strip.start(g);
      strip.amax[g] = amax(dtype, segment, offset + (long) start * bytes, strip.end(g) - start);
      bits = Math.max(bits, magnitudeBits(strip.amax[g]));
    }
    return Float.intBitsToFloat(bits);
  }

  @Override
  public void scales(Strip strip, QuantSpec spec, Arithmetic arithmetic, float globalScale) {
    for (int g = 0; g < strip.groups(); g++) {
      strip.scale[g] = ScaleRules.ofAmax(spec, arithmetic, strip.amax[g], globalScale);
    }
  }

  @Override
  public void fourOverSix(
      Strip strip, float globalScale, DType dtype, MemorySegment segment, long offset) {
    Arrays.fill(strip.scale, 0, strip.groups(), Float.NaN);
  }

  @Override
  public void storeScales(Strip strip, ScaleFormat format, MemorySegment out, long first) {
    for (int g = 0; g < strip.groups(); g++) {
      storeScale(format, strip.scale[g], out, first + g);
    }
  }

  /** Stores one scale. */
  public static void storeScale(ScaleFormat format, float scale, MemorySegment out, long index) {
    int bits = ScaleCodec.encode(format, scale);
    switch (format.dtype().bits()) {
      case 8 -> out.set(ValueLayout.JAVA_BYTE, index, (byte) bits);
      case 16 -> out.set(Tensor.SHORT, 2 * index, (short) bits);
      default -> out.set(Tensor.INT, 4 * index, bits);
    }
  }

  @Override
  public void loadScales(Strip strip, ScaleFormat format, MemorySegment in, long first) {
    for (int g = 0; g < strip.groups(); g++) {
      long index = first + g;
      int bits =
          switch (format.dtype().bits()) {
            case 8 -> in.get(ValueLayout.JAVA_BYTE, index);
            case 16 -> in.get(Tensor.SHORT, 2 * index);
            default -> in.get(Tensor.INT, 4 * index);
          };
      strip.scale[g] = ScaleCodec.decode(format, bits);
    }
  }

  @Override
  public boolean divisors(Strip strip, float globalScale, float steps) {
    return divisors(strip, 0, globalScale, steps);
  }

  /** Divisors from group {@code from} on. */
  static boolean divisors(Strip strip, int from, float globalScale, float steps) {
    boolean fit = true;
    for (int g = from; g < strip.groups(); g++) {
      float scale = strip.scale[g];
      fit &= scale > 0 && scale <= Float.MAX_VALUE;
      float product = scale * globalScale * steps;
      strip.divisor[g] = product == 0 ? Float.MIN_VALUE : product;
    }
    return fit;
  }

  @Override
  public float load(Strip strip, DType dtype, MemorySegment segment, long offset) {
    int bits = 0;
    for (int i = 0; i < strip.n(); i++) {
      strip.x[i] = element(dtype, segment, offset, i);
      bits = Math.max(bits, magnitudeBits(strip.x[i]));
    }
    return Float.intBitsToFloat(bits);
  }

  private static float element(DType dtype, MemorySegment segment, long offset, long index) {
    return switch (dtype) {
      case BF16 -> Float.intBitsToFloat(segment.get(Tensor.SHORT, offset + 2 * index) << 16);
      case F16 -> Float.float16ToFloat(segment.get(Tensor.SHORT, offset + 2 * index));
      default -> segment.get(Tensor.FLOAT, offset + 4 * index);
    };
  }

  @Override
  public void store(Strip strip, DType dtype, MemorySegment segment, long offset) {
    for (int i = 0; i < strip.n(); i++) {
      storeElement(dtype, strip.x[i], segment, offset, i);
    }
  }

  static void storeElement(
      DType dtype, float value, MemorySegment segment, long offset, long index) {
    switch (dtype) {
      case BF16 ->
          segment.set(
              Tensor.SHORT,
              offset + 2 * index,
              (short) Bits.toBf16(withinRange(value, Bits.MAX_BF16)));
      case F16 ->
          segment.set(
              Tensor.SHORT,
              offset + 2 * index,
              Float.floatToFloat16(withinRange(value, Bits.MAX_F16)));
      default -> segment.set(Tensor.FLOAT, offset + 4 * index, value);
    }
  }

  /** Finite values clamped; infinities and NaN as they are. */
  private static float withinRange(float value, float max) {
    return Math.abs(value) <= Float.MAX_VALUE ? Math.clamp(value, -max, max) : value;
  }

  @Override
  public void divide(Strip strip, DType dtype) {
    for (int i = 0; i < strip.n(); i++) {
      float quotient = strip.x[i] / strip.divisor[0];
      strip.x[i] =
          switch (dtype) {
            case BF16 -> Bits.roundToBf16(quotient);
            case F16 -> Bits.roundToF16(quotient);
            default -> quotient;
          };
    }
  }

  @Override
  public void encode(Encoding encoding, Strip strip) {
    encodeFrom(encoding, strip, 0);
  }

  @Override
  public boolean encode(
      Encoding encoding,
      Strip strip,
      int n,
      int behind,
      DType dtype,
      MemorySegment in,
      long inAt,
      MemorySegment out,
      long outAt) {
    return false;
  }

  /**
   * Packed codes of the elements from {@code from} to {@code to}, less than a strip; those behind
   * the strip are of its last group.
   *
   * @return whether they are finite
   */
  static boolean encodePart(
      Encoding encoding,
      Strip strip,
      int from,
      int to,
      DType dtype,
      MemorySegment in,
      long inAt,
      MemorySegment out,
      long outAt) {
    int bits = encoding.format().bits();
    int waiting = 0;
    int waitingBits = 0;
    long at = outAt + (long) from * bits / 8;
    for (int i = from; i < to; i++) {
      int g = i < strip.n() ? strip.groupOf(i) : strip.groups() - 1;
      float x = element(dtype, in, inAt, i);
      if (!(Math.abs(x) <= Float.MAX_VALUE)) {
        return false;
      }
      waiting |= code(encoding, x / strip.divisor[g], strip.zeroPoint[g]) << waitingBits;
      waitingBits += bits;
      if (waitingBits >= 8 || i == to - 1) {
        out.set(ValueLayout.JAVA_BYTE, at++, (byte) waiting);
        waiting >>>= 8;
        waitingBits -= 8;
      }
    }
    return true;
  }

  /** Codes of the elements from {@code from} on. */
  static void encodeFrom(Encoding encoding, Strip strip, int from) {
    int i = from;
    for (int g = strip.groupOf(from); i < strip.n(); g++) {
      float divisor = strip.divisor[g];
      int zeroPoint = strip.zeroPoint[g];
      for (; i < strip.end(g); i++) {
        strip.codes[i] = (byte) code(encoding, strip.x[i] / divisor, zeroPoint);
      }
    }
  }

  private static int code(Encoding encoding, float quotient, int zeroPoint) {
    return switch (encoding.format()) {
      case FloatFormat f ->
          switch (encoding.variant()) {
            case STANDARD -> FloatCodec.encode(f, quotient);
            case POSITIVE_ZERO -> FloatCodec.encode(f, quotient + 0f);
            case TIES_TOWARD_ZERO ->
                FloatCodec.encodeTiesTowardZero(f, quotient > 0 ? quotient : -Math.abs(quotient));
          };
      case IntFormat f -> IntCodec.encode(f, quotient, zeroPoint);
      case CodebookFormat f -> CodebookCodec.encode(f, quotient);
    };
  }

  /**
   * Codes by stochastic rounding.
   *
   * @param firstIndex index of the strip's first element in its matrix
   */
  public static void encodeStochastic(Encoding encoding, Strip strip, long seed, long firstIndex) {
    for (int g = 0; g < strip.groups(); g++) {
      int zeroPoint = strip.zeroPoint[g];
      for (int i = strip.start(g); i < strip.end(g); i++) {
        float quotient = strip.x[i] / strip.divisor[g];
        double u = uniform(seed, firstIndex + i);
        strip.codes[i] =
            (byte)
                switch (encoding.format()) {
                  case FloatFormat f -> FloatCodec.encodeStochastic(f, quotient, u);
                  case IntFormat f -> IntCodec.encodeStochastic(f, quotient, zeroPoint, u);
                  case CodebookFormat f -> CodebookCodec.encodeStochastic(f, quotient, u);
                };
      }
    }
  }

  /**
   * A number in [0, 1) with 32 random bits, a function of seed and index: the output function of
   * SplitMix64 (Steele, Lea, Flood 2014) at position {@code index} of the sequence of {@code seed}.
   */
  static double uniform(long seed, long index) {
    long z = seed + (index + 1) * 0x9E3779B97F4A7C15L;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return ((z ^ (z >>> 31)) >>> 32) * 0x1p-32;
  }

  @Override
  public void decode(Encoding encoding, Strip strip) {
    decodeFrom(encoding, strip, 0);
  }

  @Override
  public boolean decode(
      Encoding encoding,
      Strip strip,
      int n,
      MemorySegment in,
      long inAt,
      DType dtype,
      MemorySegment out,
      long outAt) {
    return false;
  }

  /** Values of the codes from {@code from} on. */
  static void decodeFrom(Encoding encoding, Strip strip, int from) {
    int i = from;
    for (int g = strip.groupOf(from); i < strip.n(); g++) {
      float divisor = strip.divisor[g];
      int zeroPoint = strip.zeroPoint[g];
      for (; i < strip.end(g); i++) {
        float value =
            switch (encoding.format()) {
              case FloatFormat f -> FloatCodec.decode(f, strip.codes[i]);
              case IntFormat f -> IntCodec.decode(f, strip.codes[i], zeroPoint);
              case CodebookFormat f -> CodebookCodec.decode(f, strip.codes[i]);
            };
        float product = value * divisor;
        boolean overflow = Float.isInfinite(product) && !Float.isInfinite(value);
        strip.x[i] = overflow ? Math.copySign(Float.MAX_VALUE, product) : product;
      }
    }
  }

  @Override
  public void round(Encoding encoding, Strip strip) {
    encode(encoding, strip);
    decode(encoding, strip);
  }

  @Override
  public void differences(Strip strip, float reach, double[] sums) {
    double[] error = new double[SUM_LANES];
    double[] square = new double[SUM_LANES];
    for (int i = 0; i < strip.n(); i++) {
      double x = strip.x[i];
      double difference = x - strip.y[i];
      error[i % SUM_LANES] += difference * difference;
      square[i % SUM_LANES] += x * x;
    }
    sums[0] += inHalves(error, 0);
    sums[1] += inHalves(square, 0);
    for (int g = 0; g < strip.groups(); g++) {
      sums[2] += beyond(strip.x, strip.start(g), strip.end(g), reach * strip.divisor[g]);
    }
  }

  /** The sum of the {@link #SUM_LANES} numbers from {@code from} on, by halves; changes them. */
  static double inHalves(double[] lanes, int from) {
    for (int width = SUM_LANES / 2; width > 0; width /= 2) {
      for (int i = from; i < from + width; i++) {
        lanes[i] += lanes[i + width];
      }
    }
    return lanes[from];
  }

  /** How many of some elements are larger than {@code most}. */
  static int beyond(float[] x, int from, int to, float most) {
    int beyond = 0;
    for (int i = from; i < to; i++) {
      beyond += Math.abs(x[i]) > most ? 1 : 0;
    }
    return beyond;
  }

  @Override
  public void pack(Strip strip, int bits, MemorySegment out, long offset) {
    pack(strip, 0, bits, out, offset);
  }

  /** Packs from element {@code from} on, which starts the byte at {@code offset}. */
  static void pack(Strip strip, int from, int bits, MemorySegment out, long offset) {
    int mask = (1 << bits) - 1;
    int waiting = 0;
    int waitingBits = 0;
    long at = offset;
    for (int i = from; i < strip.n(); i++) {
      waiting |= (strip.codes[i] & mask) << waitingBits;
      waitingBits += bits;
      if (waitingBits >= 8) {
        out.set(ValueLayout.JAVA_BYTE, at++, (byte) waiting);
        waiting >>>= 8;
        waitingBits -= 8;
      }
    }
    if (waitingBits > 0) {
      out.set(ValueLayout.JAVA_BYTE, at, (byte) waiting);
    }
  }

  @Override
  public void unpack(Strip strip, int bits, MemorySegment in, long offset) {
    unpack(strip, 0, bits, in, offset);
  }

  /** Unpacks from element {@code from} on, which starts the byte at {@code offset}. */
  static void unpack(Strip strip, int from, int bits, MemorySegment in, long offset) {
    int mask = (1 << bits) - 1;
    int waiting = 0;
    int waitingBits = 0;
    long at = offset;
    for (int i = from; i < strip.n(); i++) {
      if (waitingBits < bits) {
        waiting |= (in.get(ValueLayout.JAVA_BYTE, at++) & 0xFF) << waitingBits;
        waitingBits += 8;
      }
      strip.codes[i] = (byte) (waiting & mask);
      waiting >>>= bits;
      waitingBits -= bits;
    }
  }
}
