package org.modelopt.export;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.modelopt.ModelOpt;
import org.modelopt.compute.Precision;
import org.modelopt.config.Algorithm;
import org.modelopt.config.Config;
import org.modelopt.config.Rule;
import org.modelopt.config.Target;
import org.modelopt.data.CalibrationData;
import org.modelopt.error.ConfigException;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.export.verify.report.VerifyReport;
import org.modelopt.export.write.ExportOptions;
import org.modelopt.export.write.ExportResult;
import org.modelopt.export.write.Subject;
import org.modelopt.job.JobOptions;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.models.evaluation.Perplexity;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.quantize.QuantizedModel;
import org.modelopt.safetensors.SafetensorsCheckpoint;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** Experts of gpt-oss become MXFP4 as OpenAI publishes it. */
class StackedExpertsTest {
  private static final JobOptions JOB = JobOptions.defaults().withPrecision(Precision.FLOAT32);
  private static final float[] E2M1 = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};
  private static final String EXPERTS = "model.layers.1.mlp.experts.";

  @TempDir private static Path directory;
  private static HfModel model;
  private static QuantizedModel quantized;
  private static ExportResult result;

  @BeforeAll
  static void export() throws IOException {
    Path original = Files.createDirectory(directory.resolve("original"));
    RandomCheckpoint.write(ArchitecturesTest.GOLDENS.resolve("gpt-oss/config.json"), original);
    model = Models.load(original);
    quantized = ModelOpt.quantize(model, Config.MXFP4_MLP_WEIGHT_ONLY);
    result = Exports.huggingFaceMxfp4(quantized).to(directory.resolve("mxfp4"));
  }

  @AfterAll
  static void close() {
    model.close();
  }

  @Test
  void everyReaderTakesIt() {
    VerifyReport report = result.report();
    for (Consumer consumer :
        List.of(Consumer.VLLM, Consumer.SGLANG, Consumer.TRTLLM_PYTORCH, Consumer.TRANSFORMERS)) {
      assertTrue(report.passedFor(consumer), report::toText);
    }
    // Two stacks in each of four layers, all compared.
    assertEquals(8, report.errors().size());
    assertEquals(4 * 4 * 3, quantized.decisions().weights().size());
  }

  @Test
  void tensorsAreThoseOfTheMethod() throws IOException {
    SafetensorsCheckpoint stored = SafetensorsCheckpoint.open(result.path());
    assertStored(stored, "gate_up_proj_blocks", DType.U8, 4, 512, 4, 16);
    assertStored(stored, "gate_up_proj_scales", DType.U8, 4, 512, 4);
    assertStored(stored, "gate_up_proj_bias", DType.BF16, 4, 512);
    assertStored(stored, "down_proj_blocks", DType.U8, 4, 128, 8, 16);
    assertStored(stored, "down_proj_scales", DType.U8, 4, 128, 8);
    assertStored(stored, "down_proj_bias", DType.BF16, 4, 128);
    assertTrue(stored.find(EXPERTS + "gate_up_proj").isEmpty());
    assertTrue(
        stored.tensors().stream()
            .filter(t -> !t.name().contains(".experts."))
            .allMatch(t -> t.dtype() == DType.BF16));
    String config = Files.readString(result.path().resolve("config.json")).replaceAll("\\s+", "");
    assertTrue(
        config.contains(
            "\"quantization_config\":{\"modules_to_not_convert\":[\"model.layers.*.self_attn\","
                + "\"model.layers.*.mlp.router\",\"model.embed_tokens\",\"lm_head\"],"
                + "\"quant_method\":\"mxfp4\"}"),
        config);
  }

  private static void assertStored(
      SafetensorsCheckpoint stored, String name, DType dtype, long... dims) {
    var info = stored.find(EXPERTS + name).orElseThrow();
    assertEquals(dtype, info.dtype(), name);
    assertEquals(Shape.of(dims), info.shape(), name);
  }

  /** Row 2 i of the codes is gate i, row 2 i + 1 is up i; the first of two codes is low. */
  @ParameterizedTest
  @ValueSource(strings = {"gate_up_proj", "down_proj"})
  void everyCodeIsTheNearestUnderTheScaleOfItsBlock(String name) {
    SafetensorsCheckpoint stored = SafetensorsCheckpoint.open(result.path());
    try (Arena arena = Arena.ofConfined()) {
      Tensor before = model.tensors().open(EXPERTS + name, arena);
      Tensor blocks = stored.open(EXPERTS + name + "_blocks", arena);
      Tensor scales = stored.open(EXPERTS + name + "_scales", arena);
      long in = before.shape().dim(1);
      long out = before.shape().dim(2);
      for (long row = 0; row < 4 * out; row++) {
        for (long block = 0; block < in / 32; block++) {
          float amax = 0;
          int exponent = byteAt(scales, row * in / 32 + block);
          float scale = Math.scalb(1f, exponent - 127);
          for (int i = 0; i < 32; i++) {
            long column = 32 * block + i;
            float value = before.getFloat((row / out * in + column) * out + row % out);
            int pair = byteAt(blocks, (row * in + column) / 2);
            int code = i % 2 == 0 ? pair & 15 : pair >> 4;
            float decoded = (code < 8 ? 1 : -1) * E2M1[code & 7] * scale;
            assertEquals(nearest(Math.abs(value) / scale), Math.abs(decoded - value) / scale, 1e-6);
            amax = Math.max(amax, Math.abs(value));
          }
          // The least power of two under which nothing saturates.
          assertTrue(amax <= 6 * scale && amax > 3 * scale, amax + " under " + scale);
        }
      }
    }
  }

  private static int byteAt(Tensor tensor, long index) {
    return tensor.segment().get(ValueLayout.JAVA_BYTE, index) & 0xFF;
  }

  private static float nearest(float value) {
    float distance = Float.MAX_VALUE;
    for (float code : E2M1) {
      distance = Math.min(distance, Math.abs(code - value));
    }
    return distance;
  }

  @Test
  void readsBackAsDecided() {
    double decided = perplexity(model, quantized);
    assertTrue(Math.abs(decided - Perplexity.measure(model, rows(), JOB).value()) > 1e-4 * decided);
    try (HfModel back = Models.load(result.path())) {
      assertEquals(decided, Perplexity.measure(back, rows(), JOB).value(), 1e-9 * decided);
    }
  }

  private static double perplexity(HfModel of, QuantizedModel decided) {
    return Perplexity.measure(of, decided.decisions(), rows(), JOB).value();
  }

  /** GPTQ decides codes; experts that saw few tokens share what all saw. */
  @Test
  void codesOfAnAlgorithmAreKept() {
    Config config = Config.MXFP4_MLP_WEIGHT_ONLY.withAlgorithm(new Algorithm.Gptq());
    QuantizedModel gptq = ModelOpt.quantize(model, config, CalibrationData.of(rows()), JOB);
    Path path = Exports.huggingFaceMxfp4(gptq).to(directory.resolve("gptq")).path();
    double decided = perplexity(model, gptq);
    assertTrue(Math.abs(decided - perplexity(model, quantized)) > 1e-6 * decided);
    try (HfModel back = Models.load(path)) {
      assertEquals(decided, Perplexity.measure(back, rows(), JOB).value(), 1e-9 * decided);
    }
  }

  @Test
  void theBytesDependOnNeitherThreadsNorShards() throws IOException {
    Path one =
        Exports.huggingFaceMxfp4(quantized)
            .with(JOB.withThreads(1))
            .withShardBytes(100_000)
            .to(directory.resolve("shards"))
            .path();
    SafetensorsCheckpoint whole = SafetensorsCheckpoint.open(result.path());
    SafetensorsCheckpoint parts = SafetensorsCheckpoint.open(one);
    assertEquals(whole.tensors().size(), parts.tensors().size());
    try (Arena arena = Arena.ofConfined()) {
      whole
          .tensors()
          .forEach(info ->
              assertEquals(
                  -1,
                  whole
                      .open(info.name(), arena)
                      .segment()
                      .mismatch(parts.open(info.name(), arena).segment()),
                  info.name()));
    }
    try (Stream<Path> files = Files.list(one)) {
      assertTrue(files.filter(f -> f.toString().endsWith(".safetensors")).count() > 3);
    }
  }

  @Test
  void whatIsMxfp4AlreadyKeepsItsValues() {
    try (HfModel stored = Models.load(result.path())) {
      QuantizedModel again = ModelOpt.quantize(stored, Config.MXFP4_MLP_WEIGHT_ONLY);
      Path path =
          Exports.huggingFaceMxfp4(again)
              .with(ExportOptions::withoutComparison)
              .to(directory.resolve("again"))
              .path();
      try (HfModel back = Models.load(path)) {
        assertEquals(
            Perplexity.measure(stored, rows(), JOB).value(),
            Perplexity.measure(back, rows(), JOB).value());
      }
    }
  }

  /** Of decided and of stored codes; BF16 holds all values of MXFP4. */
  @Test
  void aPlainCheckpointHoldsWhatTheCodesStandFor() {
    Path decided =
        Exports.plain(quantized, DType.BF16)
            .with(ExportOptions::withoutComparison)
            .to(directory.resolve("plain"))
            .path();
    try (HfModel stored = Models.load(result.path());
        HfModel plain = Models.load(decided);
        Arena arena = Arena.ofConfined()) {
      Path again =
          Exports.plain(QuantizedModel.unchanged(stored), DType.BF16)
              .with(ExportOptions::withoutComparison)
              .to(directory.resolve("dequantized"))
              .path();
      SafetensorsCheckpoint first = SafetensorsCheckpoint.open(decided);
      SafetensorsCheckpoint second = SafetensorsCheckpoint.open(again);
      assertEquals(DType.BF16, first.find(EXPERTS + "gate_up_proj").orElseThrow().dtype());
      first
          .tensors()
          .forEach(info ->
              assertEquals(
                  -1,
                  first
                      .open(info.name(), arena)
                      .segment()
                      .mismatch(second.open(info.name(), arena).segment()),
                  info.name()));
      assertEquals(first.tensors().size(), second.tensors().size());
      assertEquals(
          Perplexity.measure(stored, rows(), JOB).value(),
          Perplexity.measure(plain, rows(), JOB).value());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"hf", "hf-fp8-block", "compressed-tensors", "autoawq", "gptq", "llm-awq"})
  void otherExportsNameTheOneThatHoldsThem(String kind) {
    Subject subject = Subject.of(quantized, ExportOptions.DEFAULT_SHARD_BYTES);
    ConfigException refusal =
        assertThrows(ConfigException.class, () -> Targets.find(kind).orElseThrow().plan(subject));
    assertTrue(refusal.getMessage().contains("hf-mxfp4"), refusal.getMessage());
  }

  @Test
  void whatTheMethodHasNoPlaceForIsRefused() {
    refuses(
        Config.MXFP4_MLP_WEIGHT_ONLY.withoutModules("*.layers.2.mlp.experts.1.*"),
        "model.layers.2.mlp.experts.1.gate_proj: is not quantized");
    refuses(
        Config.MXFP4_MLP_WEIGHT_ONLY.withRule(
            Rule.quantize("*.o_proj", Target.WEIGHT, QuantSpec.MXFP4)),
        "o_proj: the export hf-mxfp4 holds experts of gpt-oss only");
    refuses(Config.MXFP4_MLP_WEIGHT_ONLY.withKvCacheCast(QuantSpec.FP8), "scales of a KV cache");
    refuses(Config.FP8_2D_BLOCKWISE_WEIGHT_ONLY, "holds experts of gpt-oss only");
  }

  private static void refuses(Config config, String message) {
    QuantizedModel other = ModelOpt.quantize(model, config);
    ConfigException refusal =
        assertThrows(
            ConfigException.class,
            () -> Exports.huggingFaceMxfp4(other).to(directory.resolve("refused")));
    assertTrue(refusal.getMessage().contains(message), refusal.getMessage());
  }

  private static List<Tensor> rows() {
    Random random = new Random(5);
    return Stream.generate(
            () -> Tensor.ofInts(Arena.ofAuto(), Shape.of(64), random.ints(64, 0, 320).toArray()))
        .limit(4)
        .toList();
  }
}
