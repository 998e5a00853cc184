package org.modelopt.models.stored;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.modelopt.compute.Backend;
import org.modelopt.compute.BackendOptions;
import org.modelopt.compute.Backends;
import org.modelopt.model.Linear;
import org.modelopt.models.decoder.TensorSlice;
import org.modelopt.numeric.Granularity;
import org.modelopt.numeric.QuantizedTensor;
import org.modelopt.numeric.Quantizers;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;
import org.modelopt.tensor.TensorSource;

/** Packed weights of other tools are read as their loaders read them. */
class StoredFormsTest {
  private static final Granularity.Block2d TILE = new Granularity.Block2d(128, 128);

  /** Tensors made by a test. */
  private static final class Tensors implements TensorSource {
    private final Map<String, Tensor> tensors = new LinkedHashMap<>();

    Tensors bytes(String name, DType dtype, Shape shape, int... values) {
      byte[] bytes = new byte[values.length];
      for (int i = 0; i < bytes.length; i++) {
        bytes[i] = (byte) values[i];
      }
      tensors.put("p." + name, Tensor.of(dtype, shape, MemorySegment.ofArray(bytes)));
      return this;
    }

    Tensors words(String name, Shape shape, int... values) {
      tensors.put("p." + name, Tensor.ofInts(Arena.ofAuto(), shape, values));
      return this;
    }

    Tensors floats(String name, Shape shape, float... values) {
      tensors.put("p." + name, Tensor.ofFloats(Arena.ofAuto(), shape, values));
      return this;
    }

    @Override
    public Collection<TensorInfo> tensors() {
      return tensors.keySet().stream().map(name -> find(name).orElseThrow()).toList();
    }

    @Override
    public Optional<TensorInfo> find(String name) {
      return Optional.ofNullable(tensors.get(name))
          .map(tensor -> new TensorInfo(name, tensor.dtype(), tensor.shape()));
    }

    @Override
    public Tensor open(String name, Arena arena) {
      return tensors.get(name);
    }
  }

  private static float[] values(Optional<StoredWeight> stored) {
    try (Arena arena = Arena.ofShared();
        Backend backend = Backends.open("cpu", BackendOptions.defaults())) {
      QuantizedTensor codes = stored.orElseThrow().reader().read(arena);
      Tensor values = Tensor.allocate(arena, DType.F32, codes.shape());
      Quantizers.of(codes.spec(), backend).dequantize(codes, values);
      return values.toFloats();
    }
  }

  private static Optional<StoredWeight> read(int out, int in, TensorSource source) {
    Linear linear = Linear.of("p", out, in, false);
    Fields fields = new Fields(source, "p");
    return IntegerForms.find(linear, fields, false).or(() -> FloatForms.find(linear, fields, TILE));
  }

  @Test
  void fp8UnderOneScaleChannelsAndTiles() {
    Shape shape = Shape.of(2, 2);
    // E4M3 codes 0x38 = 1, 0x40 = 2, 0xB8 = -1, 0x30 = 0.5.
    Tensors codes = new Tensors().bytes("weight", DType.F8_E4M3, shape, 0x38, 0x40, 0xB8, 0x30);
    assertArrayEquals(
        new float[] {3, 6, -3, 1.5f},
        values(read(2, 2, codes.floats("weight_scale", Shape.scalar(), 3))));
    assertArrayEquals(
        new float[] {3, 6, -5, 2.5f},
        values(read(2, 2, codes.floats("weight_scale", Shape.of(2, 1), 3, 5))));
    Tensors tiles =
        new Tensors()
            .bytes("weight", DType.F8_E4M3, shape, 0x38, 0x40, 0xB8, 0x30)
            .floats("weight_scale_inv", Shape.of(1, 1), 4);
    assertArrayEquals(new float[] {4, 8, -4, 2}, values(read(2, 2, tiles)));
  }

  @Test
  void nvfp4OfModelOptAndOfCompressedTensors() {
    int[] codes = {0x21, 0x43, 0x65, 0x87, 0xA9, 0xCB, 0xED, 0xFF}; // 1, 2, 3, ... low half first
    float[] expected = {0.5f, 1, 1.5f, 2, 3, 4, 6, -0f, -0.5f, -1, -1.5f, -2, -3, -4, -6, -6};
    for (int i = 0; i < expected.length; i++) {
      expected[i] *= 2 * 0.25f;
    }
    Tensors modelOpt =
        new Tensors()
            .bytes("weight", DType.U8, Shape.of(1, 8), codes)
            .bytes("weight_scale", DType.F8_E4M3, Shape.of(1, 1), 0x40)
            .floats("weight_scale_2", Shape.scalar(), 0.25f);
    assertArrayEquals(expected, values(read(1, 16, modelOpt)));
    Tensors compressed =
        new Tensors()
            .bytes("weight_packed", DType.U8, Shape.of(1, 8), codes)
            .bytes("weight_scale", DType.F8_E4M3, Shape.of(1, 1), 0x40)
            .floats("weight_global_scale", Shape.of(1), 4);
    assertArrayEquals(expected, values(read(1, 16, compressed)));
    assertEquals(3, read(1, 16, compressed).orElseThrow().tensors().size());
  }

  @Test
  void modelOptInt4HasPairsOfRowsInOneByte() {
    // Row 0: 1, -1 in the low halves; row 1: 7, -8 in the high ones.
    Tensors tensors =
        new Tensors()
            .bytes("weight", DType.U8, Shape.of(1, 2), 0x71, 0x8F)
            .floats("weight_scale", Shape.of(2, 1), 2, 0.5f);
    assertArrayEquals(new float[] {2, -2, 3.5f, -4}, values(read(2, 2, tensors)));
  }

  @Test
  void compressedTensorsInt4HasEightColumnsInAWord() {
    // Stored code k + 8 for k = -4 .. 3, the first lowest.
    int word = 0;
    for (int i = 0; i < 8; i++) {
      word |= (i + 4) << (4 * i);
    }
    Tensors tensors =
        new Tensors()
            .words("weight_packed", Shape.of(1, 1), word)
            .floats("weight_scale", Shape.of(1, 2), 1, 10);
    assertArrayEquals(new float[] {-4, -3, -2, -1, 0, 10, 20, 30}, values(read(1, 8, tensors)));
  }

  @Test
  void awqHasOutputsInItsOwnOrder() {
    // Column j of eight stands at place {0, 2, 4, 6, 1, 3, 5, 7} inverted: codes 0..7 in order.
    int[] order = {0, 2, 4, 6, 1, 3, 5, 7};
    int word = 0;
    for (int place = 0; place < 8; place++) {
      word |= order[place] << (4 * place);
    }
    Tensors tensors =
        new Tensors()
            .words("qweight", Shape.of(2, 1), word, 0)
            .words("qzeros", Shape.of(1, 1), 0x33333333)
            .floats("scales", Shape.of(1, 8), 1, 1, 1, 1, 1, 1, 1, 2);
    float[] values = values(read(8, 2, tensors));
    for (int out = 0; out < 8; out++) {
      float scale = out == 7 ? 2 : 1;
      assertEquals((out - 3) * scale, values[out * 2]);
      assertEquals(-3 * scale, values[out * 2 + 1]);
    }
  }

  @Test
  void gptqHasInputsInAWordAndZeroPointsLessOne() {
    int[] words = new int[8];
    for (int out = 0; out < 8; out++) {
      for (int in = 0; in < 8; in++) {
        words[out] |= ((out + in) % 16) << (4 * in);
      }
    }
    Tensors tensors =
        new Tensors()
            .words("qweight", Shape.of(1, 8), words)
            .words("qzeros", Shape.of(1, 1), 0x77777777)
            .words("g_idx", Shape.of(8), 0, 0, 0, 0, 0, 0, 0, 0)
            .floats("scales", Shape.of(1, 8), 1, 1, 1, 1, 1, 1, 1, 1);
    float[] values = values(read(8, 8, tensors));
    assertEquals(-8, values[0]);
    assertEquals(3 + 4 - 8, values[3 * 8 + 4]);
  }

  @Test
  void gptOssBlocksGiveAlternatingRowsOfOneExpert() {
    byte[] blocks = new byte[2 * 4 * 16]; // two experts, four rows of one block
    byte[] scales = new byte[2 * 4];
    for (int row = 0; row < 8; row++) {
      java.util.Arrays.fill(blocks, row * 16, row * 16 + 16, (byte) 0x22); // all 1
      scales[row] = (byte) (127 + row); // 2^row
    }
    Tensors tensors = new Tensors();
    tensors.tensors.put(
        "e_blocks", Tensor.of(DType.U8, Shape.of(2, 4, 1, 16), MemorySegment.ofArray(blocks)));
    tensors.tensors.put(
        "e_scales", Tensor.of(DType.U8, Shape.of(2, 4, 1), MemorySegment.ofArray(scales)));
    TensorSlice up = new TensorSlice("up", Shape.of(2, 32), "e", 1, 1, 2, false);
    float[] values = values(StackedMxfp4.find(up, tensors));
    assertEquals(32, values[0]); // expert 1, row 1 of four: 2^5
    assertEquals(128, values[32]); // row 3: 2^7
  }

  @Test
  void plainWeightsAreNotTakenForCodes() {
    Tensors plain = new Tensors().floats("weight", Shape.of(2, 2), 1, 2, 3, 4);
    assertTrue(read(2, 2, plain).isEmpty());
  }
}
