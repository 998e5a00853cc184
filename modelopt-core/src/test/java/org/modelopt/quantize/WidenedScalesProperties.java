package org.modelopt.quantize;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.QuantizedTensor;
import org.modelopt.numeric.Scales;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** Each block of 16 under its widened scale stands for what it stood for under one of 32. */
class WidenedScalesProperties {
  private static final int ROWS = 3;

  /** Random codes of {@code columns} columns under scales {@code 2^least} to {@code 2^most}. */
  private static QuantizedTensor stored(int columns, int least, int most, long seed) {
    Random random = new Random(seed);
    byte[] codes = new byte[ROWS * columns / 2];
    random.nextBytes(codes);
    byte[] scales = new byte[ROWS * Math.ceilDiv(columns, 32)];
    for (int i = 0; i < scales.length; i++) {
      scales[i] = (byte) (127 + random.nextInt(least, most + 1));
    }
    scales[0] = (byte) (127 + least);
    scales[scales.length - 1] = (byte) (127 + most);
    codes[0] = 0x31;
    codes[codes.length - 1] = 0x17;
    return stored(columns, codes, scales);
  }

  private static QuantizedTensor stored(int columns, byte[] codes, byte[] scales) {
    return new QuantizedTensor(
        QuantSpec.MXFP4,
        Shape.of(ROWS, columns),
        Tensor.of(DType.U8, Shape.of(ROWS, columns / 2), MemorySegment.ofArray(codes)),
        Scales.of(
            Tensor.of(
                DType.F8_E8M0,
                Shape.of(ROWS, scales.length / ROWS),
                MemorySegment.ofArray(scales))));
  }

  private static void assertKept(QuantizedTensor weight, WidenedScales how) {
    try (Arena arena = Arena.ofConfined()) {
      Scales scales = how.scales(weight, QuantSpec.NVFP4, arena);
      int columns = Math.toIntExact(weight.shape().columns());
      Tensor from = weight.scales().values();
      for (int i = 0; i < ROWS * columns; i++) {
        int row = i / columns;
        int column = i % columns;
        if ((weight.codes().segment().get(ValueLayout.JAVA_BYTE, i / 2)
                & (i % 2 == 0 ? 0x07 : 0x70))
            == 0) {
          continue; // zero under any scale
        }
        float before = ScaleValues.get(from, row * from.shape().columns() + column / 32);
        float after =
            ScaleValues.get(scales.values(), row * scales.values().shape().columns() + column / 16)
                * scales.globalScale();
        assertEquals(before, after, "row " + row + ", column " + column);
      }
    }
  }

  @Property(tries = 200)
  void valuesStayWhereScalesAreNear(
      @ForAll @IntRange(min = -100, max = 100) int least,
      @ForAll @IntRange(min = 0, max = 17) int apart,
      @ForAll @IntRange(min = 1, max = 5) int blocks,
      @ForAll boolean tail,
      @ForAll long seed) {
    QuantizedTensor weight = stored(32 * blocks + (tail ? 16 : 0), least, least + apart, seed);
    QuantizedTensor other = stored(64, least, least + apart, seed + 1);
    WidenedScales how = WidenedScales.of(List.of(weight, other)).orElseThrow();
    assertKept(weight, how);
    assertKept(other, how);
  }

  @Property(tries = 50)
  void scalesFurtherApartAreRefused(
      @ForAll @IntRange(min = 18, max = 100) int apart, @ForAll long seed) {
    assertEquals(Optional.empty(), WidenedScales.of(List.of(stored(64, -50, apart - 50, seed))));
  }

  @Example
  void blocksOfZerosDoNotCount() {
    byte[] codes = new byte[ROWS * 32];
    codes[0] = 0x08; // minus zero under the far scale
    codes[16] = 0x21;
    byte[] scales = {27, 127, (byte) 227, 100, 0, (byte) 254};
    QuantizedTensor weight = stored(64, codes, scales);
    assertKept(weight, WidenedScales.of(List.of(weight)).orElseThrow());
    assertEquals(
        Optional.empty(), WidenedScales.of(List.of(stored(64, new byte[ROWS * 32], scales))));
  }

  @Example
  void aGlobalScaleWithoutReciprocalIsRefused() {
    assertEquals(Optional.empty(), WidenedScales.of(List.of(stored(64, -127, -126, 1))));
  }

  @Example
  void onlyNvfp4OfMxfp4IsWidened() {
    assertTrue(WidenedScales.fits(QuantSpec.MXFP4, QuantSpec.NVFP4));
    assertFalse(WidenedScales.fits(QuantSpec.NVFP4, QuantSpec.MXFP4));
    assertFalse(WidenedScales.fits(QuantSpec.MXFP6, QuantSpec.NVFP4));
    assertFalse(WidenedScales.fits(QuantSpec.MXFP4, QuantSpec.FP8));
  }
}
