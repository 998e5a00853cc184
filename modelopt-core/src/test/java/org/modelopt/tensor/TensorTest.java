package org.modelopt.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class TensorTest {
  @Nested
  class ShapeOf {
    @Test
    void aScalarHasOneElementAndNoAxis() {
      assertEquals(1, Shape.scalar().elements());
      assertEquals(0, Shape.scalar().rank());
      assertEquals("[]", Shape.scalar().toString());
    }

    @Test
    void sizesBeyondTwoToThe31Multiply() {
      assertEquals(3L << 40, Shape.of(3L << 20, 1L << 20).elements());
    }

    @Test
    void aZeroDimensionGivesNoElementsWhateverTheOthers() {
      assertEquals(0, Shape.of(0, Long.MAX_VALUE).elements());
      assertEquals(0, Shape.of(Long.MAX_VALUE, 0).elements());
    }

    @Test
    void anOverflowingProductIsRefused() {
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> Shape.of(1L << 62, 4));
      assertTrue(e.getMessage().contains("[4611686018427387904, 4]"), e.getMessage());
    }

    @Test
    void negativeAxesCountFromTheEnd() {
      assertEquals(5, Shape.of(3, 4, 5).dim(-1));
      assertEquals(12, Shape.of(3, 4, 5).rows());
      assertThrows(IllegalArgumentException.class, () -> Shape.of(3).dim(1));
    }
  }

  @Test
  void elementsReadBackInEveryWideType() {
    try (Arena arena = Arena.ofConfined()) {
      assertArrayEquals(
          new float[] {1.5f, -2f}, Tensor.ofFloats(arena, Shape.of(2), 1.5f, -2f).toFloats());
      Tensor bf16 = Tensor.allocate(arena, DType.BF16, Shape.of(1));
      bf16.segment().set(Tensor.SHORT, 0, (short) 0x3FC0);
      assertEquals(1.5f, bf16.getFloat(0));
      Tensor f16 = Tensor.allocate(arena, DType.F16, Shape.of(1));
      f16.segment().set(Tensor.SHORT, 0, (short) 0x3E00);
      assertEquals(1.5f, f16.getFloat(0));
    }
  }

  @Test
  void rowsAreViewsOfTheSameBytes() {
    try (Arena arena = Arena.ofConfined()) {
      Tensor matrix = Tensor.ofFloats(arena, Shape.of(3, 2), 1, 2, 3, 4, 5, 6);
      Tensor middle = matrix.rows(1, 3);
      assertArrayEquals(new float[] {3, 4, 5, 6}, middle.toFloats());
      middle.segment().set(Tensor.FLOAT, 0, 9f);
      assertEquals(9f, matrix.getFloat(2));
      assertEquals(0, matrix.rows(3, 3).shape().elements());
      assertThrows(IllegalArgumentException.class, () -> matrix.rows(2, 4));
    }
  }

  @Test
  void storageOfTheWrongSizeIsRefused() {
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> Tensor.of(DType.F32, Shape.of(3), MemorySegment.ofArray(new byte[11])));
    assertEquals("F32 [3] needs 12 bytes but the storage has 11", e.getMessage());
  }

  @Test
  void aTensorDiesWithItsArena() {
    Tensor tensor;
    try (Arena arena = Arena.ofConfined()) {
      tensor = Tensor.ofFloats(arena, Shape.of(1), 1f);
    }
    assertThrows(IllegalStateException.class, () -> tensor.getFloat(0));
  }

  @Test
  void halfBytesMustFillWholeBytes() {
    assertEquals(2, DType.F4.byteSize(4));
    assertThrows(IllegalArgumentException.class, () -> DType.F4.byteSize(3));
  }

  @Test
  void runsOfElementsAreCopiedAsFloatsFromEveryType() {
    try (Arena arena = Arena.ofConfined()) {
      for (DType dtype : new DType[] {DType.F32, DType.BF16, DType.F16, DType.I32}) {
        Tensor tensor = Tensor.allocate(arena, dtype, Shape.of(2, 3));
        for (int i = 0; i < 6; i++) {
          switch (dtype) {
            case F32 -> tensor.segment().setAtIndex(Tensor.FLOAT, i, -1.5f * i);
            case BF16 ->
                tensor
                    .segment()
                    .setAtIndex(Tensor.SHORT, i, (short) (Float.floatToIntBits(-1.5f * i) >>> 16));
            case F16 ->
                tensor.segment().setAtIndex(Tensor.SHORT, i, Float.floatToFloat16(-1.5f * i));
            default -> tensor.segment().setAtIndex(ValueLayout.JAVA_INT_UNALIGNED, i, -2 * i);
          }
        }
        float unit = dtype == DType.I32 ? -2 : -1.5f;
        float[] into = {7, 7, 7, 7, 7};
        tensor.copyFloats(2, into, 1, 3);
        assertArrayEquals(new float[] {7, 2 * unit, 3 * unit, 4 * unit, 7}, into, dtype.name());
        assertArrayEquals(
            new float[] {-0f + 0 * unit, unit, 2 * unit, 3 * unit, 4 * unit, 5 * unit},
            tensor.toFloats(),
            0,
            dtype.name());
      }
    }
  }
}
