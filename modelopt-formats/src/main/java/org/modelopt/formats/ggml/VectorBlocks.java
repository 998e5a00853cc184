package org.modelopt.formats.ggml;

import static jdk.incubator.vector.VectorOperators.ABS;
import static jdk.incubator.vector.VectorOperators.AND;
import static jdk.incubator.vector.VectorOperators.EQ;
import static jdk.incubator.vector.VectorOperators.F2I;
import static jdk.incubator.vector.VectorOperators.GE;
import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.MAX;
import static jdk.incubator.vector.VectorOperators.MIN;
import static jdk.incubator.vector.VectorOperators.NE;
import static jdk.incubator.vector.VectorOperators.OR;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import org.jspecify.annotations.Nullable;

/** {@link SimpleBlocks} and {@link Fp4Blocks} without importance, a block at a time, in lanes. */
final class VectorBlocks implements BlockCodec {
  private static final int COUNT = Lanes.COUNT;

  /** With truncation rounds halves away from zero: the number before 0.5. */
  private static final int ALMOST_HALF = Float.floatToRawIntBits(Math.nextDown(0.5f));

  private final GgmlType type;
  private final BlockCodec scalar;

  VectorBlocks(GgmlType type, BlockCodec scalar) {
    this.type = type;
    this.scalar = scalar;
  }

  @Override
  public void encode(float[] x, int columns, float @Nullable [] importance, byte[] out) {
    byte[] codes = new byte[64];
    switch (type) {
      case Q8_0 -> bytes(x, columns, out);
      case MXFP4 -> mxfp4(x, columns, codes, out);
      case NVFP4 -> nvfp4(x, columns, codes, out);
      default -> {
        if (importance != null) {
          scalar.encode(x, columns, importance, out);
        } else {
          switch (type) {
            case Q4_0 -> symmetric(x, columns, 16, codes, out);
            case Q5_0 -> symmetric(x, columns, 32, codes, out);
            case Q4_1 -> minimum(x, columns, 16, codes, out);
            default -> minimum(x, columns, 32, codes, out);
          }
        }
      }
    }
  }

  @Override
  public void decode(byte[] in, int columns, float[] x) {
    scalar.decode(in, columns, x);
  }

  private static void bytes(float[] x, int columns, byte[] out) {
    for (int from = 0, at = 0; from < columns; from += 32, at += 34) {
      float scale = amax(x, from, 32) / 127;
      float inverse = scale == 0 ? 0 : 1 / scale;
      Bytes.putHalf(out, at, scale);
      for (int i = 0; i < 32; i += COUNT) {
        FloatVector q = load(x, from + i).mul(inverse);
        IntVector half = q.reinterpretAsInts().lanewise(AND, 1 << 31).lanewise(OR, ALMOST_HALF);
        Lanes.storeBytes(truncated(q.add(half.reinterpretAsFloats())), out, at + 2 + i);
      }
    }
  }

  private static void symmetric(float[] x, int columns, int levels, byte[] codes, byte[] out) {
    int blockBytes = levels == 16 ? 18 : 22;
    int half = levels / 2;
    for (int from = 0, at = 0; from < columns; from += 32, at += blockBytes) {
      float scale = largest(x, from) / -half;
      Bytes.putHalf(out, at, scale);
      float inverse = scale == 0 ? 0 : 1 / scale;
      finish(x, from, 0, inverse, half + 0.5f, levels, codes, out, at + 2);
    }
  }

  private void minimum(float[] x, int columns, int levels, byte[] codes, byte[] out) {
    int blockBytes = levels == 16 ? 20 : 24;
    for (int from = 0, at = 0; from < columns; from += 32, at += blockBytes) {
      FloatVector least = load(x, from);
      FloatVector most = least;
      for (int i = COUNT; i < 32; i += COUNT) {
        least = least.min(load(x, from + i));
        most = most.max(load(x, from + i));
      }
      float min = least.reduceLanes(MIN);
      float max = most.reduceLanes(MAX);
      if (min == 0) {
        min = firstZero(x, from);
      }
      float scale = (max - min) / (levels - 1);
      Bytes.putHalf(out, at, scale);
      Bytes.putHalf(out, at + 2, min);
      float inverse = scale == 0 ? 0 : 1 / scale;
      finish(x, from, min, inverse, 0.5f, levels, codes, out, at + 4);
    }
  }

  /** Of zeros of both signs, the first is the minimum. */
  private static float firstZero(float[] x, int from) {
    int i = from;
    while (x[i] != 0) {
      i++;
    }
    return x[i];
  }

  /**
   * Codes {@code trunc((x - offset) * inverse + rounding)}, the fifth bits of 32 and the nibbles.
   */
  private static void finish(
      float[] x,
      int from,
      float offset,
      float inverse,
      float rounding,
      int levels,
      byte[] codes,
      byte[] out,
      int at) {
    int high = 0;
    for (int i = 0; i < 32; i += COUNT) {
      FloatVector quotient = load(x, from + i).sub(offset).mul(inverse).add(rounding);
      IntVector code = truncated(quotient).max(0).min(levels - 1);
      high |= (int) code.compare(GE, 16).toLong() << i;
      Lanes.storeBytes(code, codes, i);
    }
    int nibbles = at;
    if (levels == 32) {
      Bytes.putInt(out, at, high);
      nibbles = at + 4;
    }
    packNibbles(codes, 0, 16, out, nibbles);
  }

  private static void mxfp4(float[] x, int columns, byte[] codes, byte[] out) {
    for (int from = 0, at = 0; from < columns; from += 32, at += 17) {
      int exponent = Fp4Blocks.powerScale(amax(x, from, 32));
      out[at] = (byte) exponent;
      encode(x, from, 32, Fp4Blocks.powerValue(exponent), codes, 0);
      packNibbles(codes, 0, 16, out, at + 1);
    }
  }

  private static void nvfp4(float[] x, int columns, byte[] codes, byte[] out) {
    for (int from = 0, at = 0; from < columns; from += 64, at += 36) {
      for (int s = 0; s < 4; s++) {
        int first = from + 16 * s;
        int scale = Fp4Blocks.toUnsignedE4m3(amax(x, first, 16) / 6);
        out[at + s] = (byte) scale;
        encode(x, first, 16, Fp4Blocks.fromUnsignedE4m3(scale), codes, 16 * s);
        packNibbles(codes, 16 * s, 8, out, at + 4 + 8 * s);
      }
    }
  }

  /** E2M1 codes of {@code n} values in units of {@code scale}. */
  private static void encode(float[] x, int from, int n, float scale, byte[] codes, int at) {
    if (scale == 0) {
      java.util.Arrays.fill(codes, at, at + n, (byte) 0);
      return;
    }
    IntVector one = IntVector.broadcast(Lanes.INTS, 1);
    for (int i = 0; i < n; i += COUNT) {
      FloatVector v = load(x, from + i);
      FloatVector magnitude = v.lanewise(ABS);
      IntVector code = IntVector.zero(Lanes.INTS);
      for (int k = 0; k < 7; k++) {
        VectorMask<Float> above = magnitude.compare(GT, Fp4Blocks.BOUNDS[k] * scale);
        code = code.add(one, above.cast(Lanes.INTS));
      }
      IntVector sign = v.reinterpretAsInts().lanewise(LSHR, 28).lanewise(AND, 8);
      Lanes.storeBytes(code.lanewise(OR, sign, code.compare(NE, 0)), codes, at + i);
    }
  }

  /** Byte j of the result has code j in its low and code j + half in its high four bits. */
  private static void packNibbles(byte[] codes, int from, int half, byte[] out, int at) {
    for (int j = 0; j < half; j += 8) {
      long low = Bytes.getLong(codes, from + j) & 0x0F0F0F0F0F0F0F0FL;
      long high = Bytes.getLong(codes, from + j + half) & 0x0F0F0F0F0F0F0F0FL;
      Bytes.putLong(out, at + j, low | high << 4);
    }
  }

  private static float amax(float[] x, int from, int n) {
    IntVector max = load(x, from).reinterpretAsInts().lanewise(AND, 0x7FFFFFFF);
    for (int i = COUNT; i < n; i += COUNT) {
      max = max.max(load(x, from + i).reinterpretAsInts().lanewise(AND, 0x7FFFFFFF));
    }
    return Float.intBitsToFloat(max.reduceLanes(MAX));
  }

  /** See {@link SymmetricSearch#largest}. */
  private static float largest(float[] x, int from) {
    float amax = amax(x, from, 32);
    for (int i = 0; i < 32; i += COUNT) {
      VectorMask<Float> equal = load(x, from + i).lanewise(ABS).compare(EQ, amax);
      if (equal.anyTrue()) {
        float found = x[from + i + equal.firstTrue()];
        return found == 0 ? 0 : found;
      }
    }
    return 0;
  }

  private static IntVector truncated(FloatVector v) {
    return (IntVector) v.convertShape(F2I, Lanes.INTS, 0);
  }

  private static FloatVector load(float[] x, int at) {
    return FloatVector.fromArray(Lanes.FLOATS, x, at);
  }
}
