package org.modelopt.export.gguf;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.ModelOpt;
import org.modelopt.config.Config;
import org.modelopt.export.hf.Mxfp4Target;
import org.modelopt.export.write.TargetExport;
import org.modelopt.formats.ggml.GgmlType;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.quantize.QuantizedModel;

/** GGUF files of a gpt-oss that was opened as a model. */
class GgufStackedExpertsTest {
  private static final float[] E2M1 = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};

  @TempDir private Path directory;
  private Path original;
  private HfModel model;

  @BeforeEach
  void open() throws IOException {
    original = GgufCheckpoints.gptOss().write(directory.resolve("model"));
    Path config = original.resolve("config.json");
    String typed = Files.readString(config).replaceFirst("\\{", "{\"model_type\": \"gpt_oss\", ");
    Files.writeString(config, typed);
    model = Models.load(original);
  }

  @AfterEach
  void close() {
    model.close();
  }

  @Test
  void anUnchangedModelGivesWhatItsDirectoryGives() {
    GgufExport.of(original).type(GgufType.F32).to(directory.resolve("directory.gguf"));
    assertSame(export(QuantizedModel.unchanged(model), GgufType.F32), read("directory"));
  }

  private GgufCopy export(QuantizedModel quantized, GgufType type) {
    Path file = directory.resolve(type + "-" + quantized.model().name() + ".gguf");
    assertTrue(GgufExport.of(quantized).type(type).to(file).report().passed());
    return GgufCopy.of(file);
  }

  private GgufCopy read(String name) {
    return GgufCopy.of(directory.resolve(name + ".gguf"));
  }

  private static void assertSame(GgufCopy first, GgufCopy second) {
    assertEquals(first.tensors.keySet(), second.tensors.keySet());
    first.bytes.forEach((name, bytes) -> assertArrayEquals(bytes, second.bytes.get(name), name));
  }

  /** Codes of MXFP4 are exact in GGUF's form of it, be they decided or stored. */
  @Test
  void expertsInMxfp4KeepTheirValues() {
    QuantizedModel quantized = ModelOpt.quantize(model, Config.MXFP4_MLP_WEIGHT_ONLY);
    GgufCopy plain = export(quantized, GgufType.F32);
    GgufCopy coded = export(quantized, GgufType.MXFP4_MOE);
    for (String kind : new String[] {"gate", "up", "down"}) {
      String name = "blk.0.ffn_%s_exps.weight".formatted(kind);
      assertEquals(GgmlType.MXFP4, coded.tensors.get(name).type());
      float[] values = new float[plain.bytes.get(name).length / 4];
      ByteBuffer.wrap(plain.bytes.get(name))
          .order(ByteOrder.LITTLE_ENDIAN)
          .asFloatBuffer()
          .get(values);
      // Zeros lose their sign.
      assertArrayEquals(values, decoded(coded.bytes.get(name)), 1e-30f, name);
    }
    Path stored =
        TargetExport.of(quantized, new Mxfp4Target()).to(directory.resolve("mxfp4")).path();
    try (HfModel back = Models.load(stored)) {
      assertSame(coded, export(QuantizedModel.unchanged(back), GgufType.MXFP4_MOE));
    }
  }

  /** Blocks of 17 bytes: an exponent; the first 16 codes in the low halves, the others above. */
  private static float[] decoded(byte[] bytes) {
    float[] values = new float[bytes.length / 17 * 32];
    for (int block = 0; block < bytes.length / 17; block++) {
      float scale = Math.scalb(1f, (bytes[17 * block] & 0xFF) - 127);
      for (int i = 0; i < 32; i++) {
        int pair = bytes[17 * block + 1 + i % 16] & 0xFF;
        int code = i < 16 ? pair & 15 : pair >> 4;
        values[32 * block + i] = (code < 8 ? 1 : -1) * E2M1[code & 7] * scale;
      }
    }
    return values;
  }
}
