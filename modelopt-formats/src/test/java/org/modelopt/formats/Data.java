package org.modelopt.formats;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import org.modelopt.formats.codec.Bits;
import org.modelopt.numeric.Matrix;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** Tensors for tests. */
final class Data {
  private Data() {}

  /** Values rounded to {@code dtype}. */
  static Tensor tensor(Arena arena, DType dtype, Shape shape, float... values) {
    Tensor tensor = Tensor.allocate(arena, dtype, shape);
    for (int i = 0; i < values.length; i++) {
      set(tensor, i, values[i]);
    }
    return tensor;
  }

  /** One row of values rounded to {@code dtype}. */
  static Tensor row(Arena arena, DType dtype, float... values) {
    return tensor(arena, dtype, Shape.of(1, values.length), values);
  }

  static Tensor scalar(Arena arena, float value) {
    return Tensor.ofFloats(arena, Shape.scalar(), value);
  }

  private static void set(Tensor tensor, long index, float value) {
    MemorySegment bytes = tensor.segment();
    switch (tensor.dtype()) {
      case BF16 -> bytes.set(Tensor.SHORT, 2 * index, (short) Bits.toBf16(value));
      case F16 -> bytes.set(Tensor.SHORT, 2 * index, Float.floatToFloat16(value));
      default -> bytes.set(Tensor.FLOAT, 4 * index, value);
    }
  }

  /** Normal deviates times a power of two, float32. */
  static Tensor normal(Arena arena, Shape shape, long seed, int exponent) {
    SplittableRandom random = new SplittableRandom(seed);
    Tensor tensor = Tensor.allocate(arena, DType.F32, shape);
    for (long i = 0; i < shape.elements(); i++) {
      set(tensor, i, Math.scalb((float) random.nextGaussian(), exponent));
    }
    return tensor;
  }

  /**
   * Finite numbers of all kinds: mostly normal deviates of one magnitude, besides outliers, zeros
   * of both signs, subnormal numbers and any bit pattern; some rows are all zero.
   */
  static Tensor mixture(Arena arena, DType dtype, Shape shape, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    Tensor tensor = Tensor.allocate(arena, dtype, shape);
    double magnitude = Math.scalb(1.0, random.nextInt(-12, 6));
    boolean zeroRow = false;
    for (long i = 0; i < shape.elements(); i++) {
      if (i % shape.columns() == 0) {
        zeroRow = random.nextInt(8) == 0;
      }
      set(tensor, i, zeroRow ? 0f : anyNumber(dtype, magnitude, random));
    }
    return tensor;
  }

  private static float anyNumber(DType dtype, double magnitude, SplittableRandom random) {
    return switch (random.nextInt(64)) {
      case 0 -> 0f;
      case 1 -> -0f;
      case 2 -> (float) (random.nextGaussian() * magnitude * 100);
      case 3 -> Math.scalb((float) random.nextInt(-300, 300), -140);
      case 4 -> Math.scalb((float) random.nextInt(-16, 16), random.nextInt(-4, 4));
      case 5 -> finitePattern(dtype, random);
      default -> (float) (random.nextGaussian() * magnitude);
    };
  }

  private static float finitePattern(DType dtype, SplittableRandom random) {
    float value =
        switch (dtype) {
          case BF16 -> Float.intBitsToFloat(random.nextInt() << 16);
          case F16 -> Float.float16ToFloat((short) random.nextInt());
          default -> Float.intBitsToFloat(random.nextInt());
        };
    return Float.isFinite(value) ? value : 1f;
  }

  /** A copy of {@code tensor} inside wider rows and taller columns, as a view. */
  static Matrix embedded(Arena arena, Tensor tensor, int margin) {
    Matrix from = Matrix.of(tensor);
    Shape outer = Shape.of(from.rows() + 2L, from.columns() + 2L * margin);
    Tensor surroundings = Tensor.allocate(arena, tensor.dtype(), outer);
    surroundings.segment().fill((byte) 0x7F);
    Matrix view =
        Matrix.of(surroundings).rows(1, 1 + from.rows()).columns(margin, margin + from.columns());
    int bytes = tensor.dtype().bits() / 8;
    for (long row = 0; row < from.rows(); row++) {
      MemorySegment.copy(
          tensor.segment(),
          from.byteOffset(row, 0),
          view.segment(),
          view.byteOffset(row, 0),
          from.columns() * bytes);
    }
    return view;
  }

  static byte[] bytes(Tensor tensor) {
    return tensor.segment().toArray(ValueLayout.JAVA_BYTE);
  }

  static int[] unsigned(Tensor tensor) {
    byte[] bytes = bytes(tensor);
    int[] unsigned = new int[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      unsigned[i] = Byte.toUnsignedInt(bytes[i]);
    }
    return unsigned;
  }
}
