package org.modelopt.formats.ggml;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.modelopt.safetensors.SafetensorsFile;
import org.modelopt.tensor.Tensor;

/** Bytes of ggml itself; see the README beside the data. */
class GgmlCodecTest {
  private static final int COLUMNS = 512;

  private final Arena arena = Arena.ofConfined();
  private final SafetensorsFile golden = SafetensorsFile.open(golden());
  private final float[] x = golden.open("x", arena).toFloats();
  private final float[] importance = golden.open("importance", arena).toFloats();

  private static Path golden() {
    try {
      return Path.of(GgmlCodecTest.class.getResource("blocks.safetensors").toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  @AfterEach
  void close() {
    arena.close();
  }

  @ParameterizedTest
  @EnumSource(
      names = {
        "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "MXFP4", "NVFP4", "Q2_K", "Q3_K", "Q4_K", "Q5_K",
        "Q6_K"
      })
  void givesTheBytesOfTheReference(GgmlType type) {
    Tensor expected = golden.open(type.name(), arena);
    assertArrayEquals(bytes(expected), encode(GgmlCodec.scalar(type), null));
    assertArrayEquals(bytes(expected), encode(GgmlCodec.of(type), null));
  }

  @ParameterizedTest
  @EnumSource(names = {"Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"})
  void givesTheBytesOfTheReferenceUnderImportance(GgmlType type) {
    byte[] expected = bytes(golden.open(type.name() + ".weighted", arena));
    assertArrayEquals(expected, encode(GgmlCodec.scalar(type), importance));
    assertArrayEquals(expected, encode(GgmlCodec.of(type), importance));
    assertFalse(Arrays.equals(expected, encode(GgmlCodec.of(type), null)), "weights change codes");
  }

  @ParameterizedTest
  @EnumSource(names = {"Q8_0", "MXFP4", "NVFP4"})
  void typesWithoutSearchIgnoreImportance(GgmlType type) {
    GgmlCodec codec = GgmlCodec.of(type);
    assertArrayEquals(encode(codec, null), encode(codec, importance));
  }

  @ParameterizedTest
  @EnumSource(
      names = {
        "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "MXFP4", "NVFP4", "Q2_K", "Q3_K", "Q4_K", "Q5_K",
        "Q6_K"
      })
  void decodesAsTheReference(GgmlType type) {
    byte[] blocks = bytes(golden.open(type.name(), arena));
    float[] expected = golden.open(type.name() + ".values", arena).toFloats();
    int rowBytes = Math.toIntExact(type.byteSize(COLUMNS));
    float[] row = new float[COLUMNS];
    for (int i = 0; i < 2; i++) {
      int from = (i == 0 ? 0 : 4) * rowBytes;
      GgmlCodec.of(type).decode(Arrays.copyOfRange(blocks, from, from + rowBytes), COLUMNS, row);
      assertArrayEquals(Arrays.copyOfRange(expected, i * COLUMNS, (i + 1) * COLUMNS), row);
    }
  }

  @Test
  void plainTypesRoundToNearestEven() {
    float[] values = {1, -2.5f, 65519, 1 + 0x1p-11f, 1 + 3 * 0x1p-11f, 1 + 0x1p-8f, 0x1p-130f};
    assertArrayEquals(values, roundTrip(GgmlType.F32, values));
    assertArrayEquals(
        new float[] {1, -2.5f, 65504, 1, 1 + 0x1p-9f, 1 + 0x1p-8f, 0},
        roundTrip(GgmlType.F16, values));
    assertArrayEquals(
        new float[] {1, -2.5f, 65536, 1, 1, 1, 0x1p-130f}, roundTrip(GgmlType.BF16, values));
  }

  @ParameterizedTest
  @EnumSource(names = {"Q8_0", "Q4_K", "MXFP4", "NVFP4", "IQ4_NL", "TQ1_0"})
  void partsOfBlocksAreRefused(GgmlType type) {
    int elements = type.blockElements();
    assertThrows(IllegalArgumentException.class, () -> type.byteSize(elements + 1L));
  }

  @Test
  void removedTypesAreNotKnown() {
    for (int id : new int[] {4, 5, 31, 32, 33, 36, 37, 38, 43, -1}) {
      assertEquals(java.util.Optional.empty(), GgmlType.ofId(id));
    }
    for (GgmlType type : GgmlType.values()) {
      assertEquals(type, GgmlType.ofId(type.id()).orElseThrow());
    }
  }

  @Test
  void shortArraysAreRefused() {
    GgmlCodec codec = GgmlCodec.of(GgmlType.Q8_0);
    assertThrows(
        IllegalArgumentException.class, () -> codec.encode(new float[32], 32, null, new byte[33]));
    assertThrows(
        IllegalArgumentException.class,
        () -> codec.encode(new float[32], 32, new float[31], new byte[34]));
    assertThrows(
        IllegalArgumentException.class, () -> codec.decode(new byte[34], 32, new float[31]));
  }

  private float[] roundTrip(GgmlType type, float[] values) {
    byte[] bytes = new byte[Math.toIntExact(type.byteSize(values.length))];
    GgmlCodec.of(type).encode(values, values.length, null, bytes);
    float[] back = new float[values.length];
    GgmlCodec.of(type).decode(bytes, values.length, back);
    return back;
  }

  private byte[] encode(GgmlCodec codec, float @Nullable [] weights) {
    int rowBytes = Math.toIntExact(codec.type().byteSize(COLUMNS));
    int rows = x.length / COLUMNS;
    byte[] all = new byte[rows * rowBytes];
    byte[] one = new byte[rowBytes];
    for (int r = 0; r < rows; r++) {
      codec.encode(Arrays.copyOfRange(x, r * COLUMNS, (r + 1) * COLUMNS), COLUMNS, weights, one);
      System.arraycopy(one, 0, all, r * rowBytes, rowBytes);
    }
    return all;
  }

  private static byte[] bytes(Tensor tensor) {
    return tensor.segment().toArray(ValueLayout.JAVA_BYTE);
  }
}
