package org.modelopt.export.gguf;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.modelopt.error.ConfigException;
import org.modelopt.error.ExportException;
import org.modelopt.export.gguf.container.GgufFile;
import org.modelopt.export.gguf.container.GgufTensor;
import org.modelopt.export.gguf.container.GgufValue;
import org.modelopt.export.verify.Verifier;
import org.modelopt.export.verify.VerifyOptions;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.formats.ggml.GgmlType;
import org.modelopt.job.JobOptions;
import org.modelopt.models.pocket.PocketModel;
import org.modelopt.safetensors.SafetensorsFile;
import org.modelopt.safetensors.StoredTensor;

/**
 * Files of the exporter. That these layouts are what llama.cpp reads was tried with llama.cpp
 * itself: the F32 file of a random model of each architecture gives the logits of transformers.
 */
class GgufExportTest {
  @TempDir private Path directory;

  private GgufCopy export(GgufCheckpoints checkpoint, GgufType type) {
    Path source = checkpoint.write(directory.resolve("model"));
    Path file = directory.resolve("x.gguf");
    GgufResult result = GgufExport.of(source).type(type).to(file);
    assertEquals(result.fileBytes(), file.toFile().length());
    return GgufCopy.of(file);
  }

  private float[] source(String name) {
    try (Arena arena = Arena.ofConfined()) {
      return SafetensorsFile.open(directory.resolve("model/model.safetensors"))
          .open(name, arena)
          .toFloats();
    }
  }

  private static float[] floats(GgufCopy copy, String name) {
    assertEquals(GgmlType.F32, copy.tensors.get(name).type(), name);
    byte[] bytes = copy.bytes.get(name);
    float[] values = new float[bytes.length / 4];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(values);
    return values;
  }

  static Stream<GgufCheckpoints> all() {
    return Stream.of(
        GgufCheckpoints.llama(),
        GgufCheckpoints.mixtral(),
        GgufCheckpoints.qwen2(),
        GgufCheckpoints.qwen3(),
        GgufCheckpoints.qwen3Moe(),
        GgufCheckpoints.gemma2(),
        GgufCheckpoints.gemma3(),
        GgufCheckpoints.phi3(),
        GgufCheckpoints.gptOss());
  }

  @ParameterizedTest
  @MethodSource("all")
  void everyArchitecturePassesItsCheckInF32(GgufCheckpoints checkpoint) {
    export(checkpoint, GgufType.F32);
    var report =
        Verifier.verify(
            directory.resolve("x.gguf"),
            VerifyOptions.of(Consumer.LLAMA_CPP).withOriginal(directory.resolve("model")));
    assertTrue(report.passed(), report.toText());
    assertEquals(0, report.worst().orElseThrow().relative(), 1e-7);
    assertEquals(report.tensorsChecked(), report.errors().size());
  }

  @Test
  void queriesAndKeysOfLlamaAreRotatedInAdjacentPairs() {
    GgufCopy file = export(GgufCheckpoints.llama(), GgufType.F32);
    float[] q = source("model.layers.0.self_attn.q_proj.weight");
    float[] k = source("model.layers.0.self_attn.k_proj.bias");
    float[] storedQ = floats(file, "blk.0.attn_q.weight");
    float[] storedK = floats(file, "blk.0.attn_k.bias");
    for (int head = 0; head < 4; head++) {
      for (int i = 0; i < 8; i++) {
        for (int half = 0; half < 2; half++) {
          int from = head * 16 + half * 8 + i;
          int to = head * 16 + 2 * i + half;
          for (int c = 0; c < 64; c++) {
            assertEquals(q[from * 64 + c], storedQ[to * 64 + c]);
          }
          if (head < 2) {
            assertEquals(k[from], storedK[to]);
          }
        }
      }
    }
    assertArrayEquals(
        source("model.layers.0.self_attn.v_proj.weight"), floats(file, "blk.0.attn_v.weight"));
  }

  @Test
  void rotaryScalingOfLlama3BecomesDivisors() {
    float[] divisors = floats(export(GgufCheckpoints.llama(), GgufType.Q8_0), "rope_freqs.weight");
    assertEquals(8, divisors.length);
    assertEquals(1, divisors[0]);
    // Wavelength 2 pi * 10000^(2/16) = 19.9 lies between 64/4 and 64: smooth = (64/19.87 - 1) / 3.
    assertEquals(1 / ((1 - 0.7403) / 8 + 0.7403), divisors[1], 2e-4);
    assertEquals(8, divisors[7]);
  }

  @Test
  void expertsAreStacked() {
    GgufCopy file = export(GgufCheckpoints.mixtral(), GgufType.F32);
    assertEquals(List.of(64L, 96L, 2L), file.tensors.get("blk.0.ffn_up_exps.weight").extents());
    float[] up = floats(file, "blk.0.ffn_up_exps.weight");
    float[] second = source("model.layers.0.block_sparse_moe.experts.1.w3.weight");
    assertArrayEquals(second, java.util.Arrays.copyOfRange(up, 96 * 64, 2 * 96 * 64));
  }

  @Test
  void fusedExpertsOfQwenAreCutInHalves() {
    GgufCopy file = export(GgufCheckpoints.qwen3Moe(), GgufType.F32);
    float[] fused = source("model.layers.0.mlp.experts.gate_up_proj");
    float[] up = floats(file, "blk.0.ffn_up_exps.weight");
    assertEquals(fused[(64 + 32 + 5) * 64 + 3], up[(32 + 5) * 64 + 3]);
  }

  @Test
  void expertsOfGptOssAreTurnedAndTakenInTurns() {
    GgufCopy file = export(GgufCheckpoints.gptOss(), GgufType.F32);
    float[] fused = source("model.layers.0.mlp.experts.gate_up_proj");
    float[] bias = source("model.layers.0.mlp.experts.gate_up_proj_bias");
    float[] gate = floats(file, "blk.0.ffn_gate_exps.weight");
    float[] up = floats(file, "blk.0.ffn_up_exps.weight");
    for (int row = 0; row < 96; row++) {
      for (int c = 0; c < 64; c++) {
        assertEquals(fused[(64 + c) * 192 + 2 * row], gate[(96 + row) * 64 + c]);
        assertEquals(fused[(64 + c) * 192 + 2 * row + 1], up[(96 + row) * 64 + c]);
      }
    }
    assertEquals(bias[192 + 2 * 7 + 1], floats(file, "blk.0.ffn_up_exps.bias")[96 + 7]);
    assertTrue(file.tensors.containsKey("blk.0.attn_sinks.weight"));
    assertTrue(file.tensors.containsKey("blk.0.post_attention_norm.weight"));
    assertFalse(file.tensors.containsKey("blk.0.ffn_norm.weight"));
  }

  @Test
  void normsOfGemmaHaveOneAdded() {
    GgufCopy file = export(GgufCheckpoints.gemma3(), GgufType.Q4_0);
    float[] norm = source("model.layers.0.self_attn.k_norm.weight");
    float[] stored = floats(file, "blk.0.attn_k_norm.weight");
    for (int i = 0; i < norm.length; i++) {
      assertEquals(norm[i] + 1, stored[i]);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"BF16", "Q8_0", "Q5_1", "Q2_K", "Q3_K_M", "Q4_K_M", "MXFP4", "NVFP4"})
  void everyKindOfTypeOfThePocketModelPassesItsCheck(GgufType type) {
    Path source = PocketModel.extract(directory.resolve("model"));
    Path file = directory.resolve("x.gguf");
    GgufResult result = GgufExport.of(source).type(type).to(file);
    assertTrue(result.report().passed(), result.report().toText());
    GgufFile read = GgufFile.open(file);
    assertEquals(type.fileType(), read.findU32("general.file_type").orElseThrow());
    assertEquals("llama-bpe", read.findText("tokenizer.ggml.pre").orElseThrow());
    assertEquals(GgufValue.flag(true), read.metadata().get("tokenizer.ggml.add_bos_token"));
  }

  @Test
  void oneAndTwoThreadsGiveTheSameBytes() throws IOException {
    Path source = PocketModel.extract(directory.resolve("model"));
    byte[][] files = new byte[2][];
    for (int threads = 1; threads <= 2; threads++) {
      Path file = directory.resolve(threads + ".gguf");
      GgufExport.of(source)
          .type(GgufType.Q4_K_M)
          .with(JobOptions.defaults().withThreads(threads))
          .to(file);
      files[threads - 1] = Files.readAllBytes(file);
    }
    assertArrayEquals(files[0], files[1]);
  }

  @Test
  void anExistingFileIsNotTouched() throws IOException {
    Path source = GgufCheckpoints.qwen3().write(directory.resolve("model"));
    Path file = Files.writeString(directory.resolve("x.gguf"), "mine");
    assertThrows(ExportException.class, () -> GgufExport.of(source).to(file));
    assertEquals("mine", Files.readString(file));
  }

  @Test
  void aValueThatIsNotFiniteStopsTheExportAndLeavesNothing() throws IOException {
    Path source = GgufCheckpoints.qwen3().write(directory.resolve("model"));
    overwrite(source, "model.layers.0.mlp.up_proj.weight", Float.NaN);
    ExportException e =
        assertThrows(
            ExportException.class, () -> GgufExport.of(source).to(directory.resolve("x.gguf")));
    assertTrue(e.getMessage().contains("mlp.up_proj.weight: row 0"), e.getMessage());
    try (Stream<Path> left = Files.list(directory)) {
      assertEquals(List.of(source), left.toList());
    }
  }

  @Test
  void aScaleBeyondHalfPrecisionStopsTheExport() throws IOException {
    Path source = GgufCheckpoints.qwen3().write(directory.resolve("model"));
    overwrite(source, "model.layers.0.mlp.up_proj.weight", -7e4f);
    ExportException e =
        assertThrows(
            ExportException.class,
            () -> GgufExport.of(source).type(GgufType.Q4_1).to(directory.resolve("x.gguf")));
    assertTrue(e.getMessage().contains("blk.0.ffn_up.weight: row 0"), e.getMessage());
  }

  private static void overwrite(Path source, String name, float value) throws IOException {
    Path file = source.resolve("model.safetensors");
    StoredTensor stored =
        SafetensorsFile.open(file).storedTensors().stream()
            .filter(t -> t.info().name().equals(name))
            .findFirst()
            .orElseThrow();
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      ByteBuffer bytes = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putFloat(0, value);
      channel.write(bytes, stored.offset());
    }
  }

  @Test
  void unknownTypesAreNamedWithThoseThatExist() {
    assertEquals(GgufType.Q4_K_M, GgufType.ofName("q4_k"));
    ConfigException e = assertThrows(ConfigException.class, () -> GgufType.ofName("Q7_K"));
    assertTrue(e.getMessage().contains("Q5_K_S"), e.getMessage());
  }

  @Test
  void tensorsAreInTheOrderOfLayersAndNames() {
    GgufCopy file = export(GgufCheckpoints.llama(), GgufType.Q8_0);
    List<String> names = List.copyOf(file.tensors.keySet());
    assertEquals("output_norm.weight", names.getFirst());
    assertEquals("blk.0.ffn_up.weight", names.getLast());
    GgufTensor head = file.tensors.get("token_embd.weight");
    assertEquals(List.of(64L, 40L), head.extents());
  }
}
