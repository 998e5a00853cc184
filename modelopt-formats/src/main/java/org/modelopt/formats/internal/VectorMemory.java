package org.modelopt.formats.internal;

import static jdk.incubator.vector.VectorOperators.AND;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.MAX;
import static org.modelopt.formats.internal.VectorShapes.BYTES;
import static org.modelopt.formats.internal.VectorShapes.FLOATS;
import static org.modelopt.formats.internal.VectorShapes.HALF_BYTES;
import static org.modelopt.formats.internal.VectorShapes.HALF_SHORTS;
import static org.modelopt.formats.internal.VectorShapes.INTS;
import static org.modelopt.formats.internal.VectorShapes.LANES;
import static org.modelopt.formats.internal.VectorShapes.LITTLE;
import static org.modelopt.formats.internal.VectorShapes.SHORTS;
import static org.modelopt.formats.internal.VectorShapes.ints;
import static org.modelopt.formats.internal.VectorShapes.narrowToShorts;
import static org.modelopt.formats.internal.VectorShapes.widen;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Tensor;

/** Between memory and the arrays of a strip. */
final class VectorMemory {
  private static final int MAGNITUDE = 0x7FFFFFFF;

  /** Floats above this round to a bfloat16 beyond the largest. */
  private static final int ABOVE_BF16 = 0x7F7F7FFF;

  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ScalarKernels SCALAR = new ScalarKernels();

  private VectorMemory() {}

  static float load(Strip strip, DType dtype, MemorySegment segment, long offset) {
    float amax =
        switch (dtype) {
          case BF16 -> loadBf16(strip, segment, offset);
          case F16 -> loadF16(strip, segment, offset);
          default -> loadF32(strip, segment, offset);
        };
    strip.narrow = dtype != DType.F32 && amax < 0x1p60f;
    return amax;
  }

  private static float loadF32(Strip strip, MemorySegment segment, long offset) {
    int n = strip.n();
    float[] x = strip.x;
    MemorySegment.copy(segment, Tensor.FLOAT, offset, x, 0, n);
    IntVector max = ints(0);
    int i = 0;
    for (; i <= n - LANES; i += LANES) {
      FloatVector v = FloatVector.fromArray(FLOATS, x, i);
      max = max.max(v.reinterpretAsInts().lanewise(AND, MAGNITUDE));
    }
    return largest(max.reduceLanes(MAX), x, i, n);
  }

  private static float loadBf16(Strip strip, MemorySegment segment, long offset) {
    int n = strip.n();
    float[] x = strip.x;
    IntVector magnitudeMask = IntVector.broadcast(INTS, MAGNITUDE);
    IntVector max = IntVector.zero(INTS);
    int i = 0;
    for (; i <= n - LANES; i += LANES) {
      ShortVector shorts =
          ShortVector.fromMemorySegment(HALF_SHORTS, segment, offset + 2L * i, LITTLE);
      IntVector wide = (IntVector) shorts.convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0);
      IntVector bits = wide.lanewise(LSHL, 16);
      max = max.max(bits.and(magnitudeMask));
      bits.reinterpretAsFloats().intoArray(x, i);
    }
    for (int j = i; j < n; j++) {
      x[j] = Float.intBitsToFloat(segment.get(Tensor.SHORT, offset + 2L * j) << 16);
    }
    return largest(max.reduceLanes(MAX), x, i, n);
  }

  private static float loadF16(Strip strip, MemorySegment segment, long offset) {
    int n = strip.n();
    float[] x = strip.x;
    IntVector max = ints(0);
    int i = 0;
    for (; i <= n - LANES; i += LANES) {
      ShortVector shorts =
          ShortVector.fromMemorySegment(HALF_SHORTS, segment, offset + 2L * i, LITTLE);
      FloatVector values = VectorFloats.values(widen(shorts), FloatConstants.F16);
      max = max.max(values.reinterpretAsInts().lanewise(AND, MAGNITUDE));
      values.intoArray(x, i);
    }
    for (int j = i; j < n; j++) {
      x[j] = Float.float16ToFloat(segment.get(Tensor.SHORT, offset + 2L * j));
    }
    // Infinity and NaN decode as 65536 and more, which no finite binary16 is.
    float largest = largest(max.reduceLanes(MAX), x, i, n);
    return largest < 65536 ? largest : SCALAR.load(strip, DType.F16, segment, offset);
  }

  /** The larger of a magnitude's bits and those of the elements from {@code from} on. */
  private static float largest(int bits, float[] x, int from, int to) {
    int max = bits;
    for (int i = from; i < to; i++) {
      max = Math.max(max, Float.floatToRawIntBits(x[i]) & MAGNITUDE);
    }
    return Float.intBitsToFloat(max);
  }

  static void store(Strip strip, DType dtype, MemorySegment segment, long offset) {
    switch (dtype) {
      case BF16 -> storeBf16(strip, segment, offset);
      case F16 -> storeF16(strip, segment, offset);
      default -> MemorySegment.copy(strip.x, 0, segment, Tensor.FLOAT, offset, strip.n());
    }
  }

  private static void storeBf16(Strip strip, MemorySegment segment, long offset) {
    int n = strip.n();
    float[] x = strip.x;
    IntVector magnitudeMask = IntVector.broadcast(INTS, MAGNITUDE);
    IntVector one = IntVector.broadcast(INTS, 1);
    IntVector half = IntVector.broadcast(INTS, 0x7FFF);
    IntVector max = IntVector.zero(INTS);
    int i = 0;
    for (; i <= n - LANES; i += LANES) {
      IntVector bits = FloatVector.fromArray(FLOATS, x, i).reinterpretAsInts();
      max = max.max(bits.and(magnitudeMask));
      IntVector odd = bits.lanewise(LSHR, 16).and(one);
      IntVector rounded = bits.add(odd).add(half).lanewise(LSHR, 16);
      ShortVector shorts = (ShortVector) rounded.convertShape(VectorOperators.I2S, HALF_SHORTS, 0);
      shorts.intoMemorySegment(segment, offset + 2L * i, LITTLE);
    }
    int from = max.reduceLanes(MAX) > ABOVE_BF16 ? 0 : i;
    storeFrom(strip, from, DType.BF16, segment, offset);
  }

  private static void storeF16(Strip strip, MemorySegment segment, long offset) {
    int n = strip.n();
    float[] x = strip.x;
    IntVector max = ints(0);
    int i = 0;
    for (; i <= n - LANES; i += LANES) {
      FloatVector v = FloatVector.fromArray(FLOATS, x, i);
      max = max.max(v.reinterpretAsInts().lanewise(AND, MAGNITUDE));
      narrowToShorts(VectorFloats.codes(v, FloatConstants.F16))
          .intoMemorySegment(segment, offset + 2L * i, LITTLE);
    }
    int from = max.reduceLanes(MAX) > FloatConstants.F16.maxBits() ? 0 : i;
    storeFrom(strip, from, DType.F16, segment, offset);
  }

  private static void storeFrom(
      Strip strip, int from, DType dtype, MemorySegment segment, long offset) {
    for (int i = from; i < strip.n(); i++) {
      ScalarKernels.storeElement(dtype, strip.x[i], segment, offset, i);
    }
  }

  static void pack(Strip strip, int bits, MemorySegment out, long offset) {
    switch (bits) {
      case 8 -> MemorySegment.copy(strip.codes, 0, out, ValueLayout.JAVA_BYTE, offset, strip.n());
      case 4 -> packNibbles(strip, out, offset);
      default -> packOthers(strip, bits, out, offset);
    }
  }

  private static void packNibbles(Strip strip, MemorySegment out, long offset) {
    int n = strip.n();
    int step = BYTES.length();
    int i = 0;
    for (; i <= n - step; i += step) {
      ShortVector pairs = ByteVector.fromArray(BYTES, strip.codes, i).reinterpretAsShorts();
      ShortVector joined = pairs.or(pairs.lanewise(LSHR, 4));
      ByteVector bytes = (ByteVector) joined.convertShape(VectorOperators.S2B, HALF_BYTES, 0);
      bytes.intoMemorySegment(out, offset + i / 2, LITTLE);
    }
    ScalarKernels.pack(strip, i, 4, out, offset + i / 2);
  }

  /** Eight codes of b bits are b bytes: the bits under a mask of a long, moved together. */
  private static void packOthers(Strip strip, int bits, MemorySegment out, long offset) {
    long mask = ((1L << bits) - 1) * 0x0101010101010101L;
    int n = strip.n();
    long end = offset + Math.ceilDiv((long) n * bits, 8);
    int i = 0;
    // A store writes eight bytes, of which the next store overwrites those beyond b.
    for (long at = offset; i <= n - 8 && at + 8 <= end; i += 8, at += bits) {
      out.set(LONG, at, Long.compress((long) LONGS.get(strip.codes, i), mask));
    }
    ScalarKernels.pack(strip, i, bits, out, offset + (long) i / 8 * bits);
  }

  static void unpack(Strip strip, int bits, MemorySegment in, long offset) {
    switch (bits) {
      case 8 -> MemorySegment.copy(in, ValueLayout.JAVA_BYTE, offset, strip.codes, 0, strip.n());
      case 4 -> unpackNibbles(strip, in, offset);
      default -> unpackOthers(strip, bits, in, offset);
    }
  }

  private static void unpackNibbles(Strip strip, MemorySegment in, long offset) {
    int n = strip.n();
    int step = BYTES.length();
    int i = 0;
    for (; i <= n - step; i += step) {
      ByteVector bytes = ByteVector.fromMemorySegment(HALF_BYTES, in, offset + i / 2, LITTLE);
      ShortVector wide =
          (ShortVector) bytes.convertShape(VectorOperators.ZERO_EXTEND_B2S, SHORTS, 0);
      wide.lanewise(VectorOperators.OR, wide.lanewise(LSHL, 4))
          .lanewise(AND, (short) 0x0F0F)
          .reinterpretAsBytes()
          .intoArray(strip.codes, i);
    }
    ScalarKernels.unpack(strip, i, 4, in, offset + i / 2);
  }

  private static void unpackOthers(Strip strip, int bits, MemorySegment in, long offset) {
    long mask = ((1L << bits) - 1) * 0x0101010101010101L;
    int n = strip.n();
    long end = offset + Math.ceilDiv((long) n * bits, 8);
    int i = 0;
    for (long at = offset; i <= n - 8 && at + 8 <= end; i += 8, at += bits) {
      LONGS.set(strip.codes, i, Long.expand(in.get(LONG, at), mask));
    }
    ScalarKernels.unpack(strip, i, bits, in, offset + (long) i / 8 * bits);
  }
}
