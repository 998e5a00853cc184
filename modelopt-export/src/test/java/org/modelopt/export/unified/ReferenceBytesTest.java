package org.modelopt.export.unified;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.modelopt.ModelOpt;
import org.modelopt.config.Config;
import org.modelopt.data.CalibrationData;
import org.modelopt.export.write.Export;
import org.modelopt.export.write.ExportOptions;
import org.modelopt.export.write.Target;
import org.modelopt.job.JobOptions;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.models.pocket.PocketModel;
import org.modelopt.numeric.Arithmetic;
import org.modelopt.numeric.Conversion;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.quantize.QuantizedModel;
import org.modelopt.safetensors.SafetensorsFile;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Names, types, shapes, bytes and descriptions are those of the reference exporter's files. */
class ReferenceBytesTest {
  private static final JsonMapper JSON = JsonMapper.builder().build();

  @TempDir private static Path directory;

  private static final Map<String, Config> CONFIGS =
      new LinkedHashMap<>(
          Map.of(
              "fp8", Config.FP8_DEFAULT,
              "fp8_2d_blockwise", Config.FP8_2D_BLOCKWISE_WEIGHT_ONLY,
              "int4_rtn", Config.INT4_BLOCKWISE_WEIGHT_ONLY,
              "kv_fp8", Config.FP8_DEFAULT.withName("KV").withKvCache(QuantSpec.FP8),
              "mxfp4", Config.MXFP4_DEFAULT,
              "mxfp8", Config.MXFP8_DEFAULT,
              "nvfp4", Config.NVFP4_DEFAULT));

  @BeforeAll
  static void exportEverything() {
    Path original = PocketModel.extract(directory.resolve("pocket-llama"));
    List<Config> configs =
        CONFIGS.values().stream()
            .map(config ->
                config.withWeightConversion(
                    Conversion.DEFAULT.withArithmetic(Arithmetic.TORCH_CUDA)))
            .toList();
    try (HfModel model = Models.load(original)) {
      // Input scales are not compared: they depend on the order of sums. A few rows will do.
      CalibrationData data =
          CalibrationData.of(List.of(Tensor.ofInts(Arena.ofAuto(), Shape.of(4), 0, 11, 222, 1333)));
      List<QuantizedModel> quantized =
          ModelOpt.quantize(model, configs, data, JobOptions.defaults());
      int next = 0;
      for (String name : CONFIGS.keySet()) {
        SequencedMap<Path, Target> one = new LinkedHashMap<>();
        one.put(directory.resolve(name), new ModelOptTarget());
        Export.run(quantized.get(next++), one, ExportOptions.defaults().withoutComparison());
      }
    }
  }

  /**
   * Each line: preset; suffixes whose bytes are not compared; what this library adds or writes
   * otherwise on purpose (see docs/exports.md).
   */
  @ParameterizedTest
  @CsvSource({
    "fp8,              input_scale,                 ''",
    "kv_fp8,           input_scale k_scale v_scale, ''",
    "fp8_2d_blockwise, '',                          k_proj v_proj rank",
    "int4_rtn,         '',                          ones",
    "mxfp4,            '',                          ''",
    "mxfp8,            '',                          ''",
    "nvfp4,            input_scale,                 ''",
  })
  void areTheReferences(String preset, String uncompared, String deliberate) throws IOException {
    Map<String, String> expected = reference(preset);
    Map<String, String> found = exported(preset, uncompared);
    expected.replaceAll((name, value) ->
        isAny(name, uncompared) ? value.substring(0, value.lastIndexOf('\t')) : value);
    if (deliberate.contains("ones")) {
      found.keySet().removeIf(name -> name.endsWith("pre_quant_scale"));
    }
    if (deliberate.contains("rank")) {
      // The reference turns scales of a single tile into numbers, which vLLM refuses.
      expected.replaceAll((name, value) ->
          name.endsWith("weight_scale") ? value.replace("\t[]\t", "\t[1,1,1,1]\t") : value);
      // And it takes such a scale for one of a tensor and joins those of k_proj and v_proj.
      found.keySet().removeIf(name -> name.matches(".*[kv]_proj\\.weight(_scale)?"));
      expected.keySet().removeIf(name -> name.matches(".*[kv]_proj\\.weight(_scale)?"));
    }

    assertEquals(lines(expected), lines(found));
  }

  @ParameterizedTest
  @CsvSource({"fp8", "kv_fp8", "fp8_2d_blockwise", "int4_rtn", "mxfp4", "mxfp8", "nvfp4"})
  void areDescribedAsTheReferences(String preset) throws IOException {
    JsonNode expected = JSON.readTree(resource(preset + ".json"));
    JsonNode flat = json(preset, "config.json").path("quantization_config");
    JsonNode nested = json(preset, "hf_quant_config.json");
    ((ObjectNode) flat.path("producer")).remove("version");
    ((ObjectNode) nested.path("producer")).remove("version");
    if (preset.equals("mxfp4")) {
      // The reference does not say there that inputs are quantized, too.
      assertTrue(flat.path("config_groups").path("group_0").has("input_activations"));
      ((ObjectNode) flat).remove("config_groups");
    }

    assertEquals(expected.path("flat"), flat);
    assertEquals(expected.path("nested"), nested);
  }

  private static JsonNode json(String preset, String file) {
    return JSON.readTree(directory.resolve(preset).resolve(file).toFile());
  }

  private static boolean isAny(String name, String suffixes) {
    return !suffixes.isEmpty() && List.of(suffixes.split(" ")).stream().anyMatch(name::endsWith);
  }

  private static String lines(Map<String, String> tensors) {
    StringBuilder text = new StringBuilder();
    tensors.forEach((name, rest) -> text.append(name).append('\t').append(rest).append('\n'));
    return text.toString();
  }

  private static Map<String, String> reference(String preset) throws IOException {
    Map<String, String> tensors = new TreeMap<>();
    resource(preset + ".tsv")
        .lines()
        .forEach(
            line -> tensors.put(line.split("\t", -1)[0], line.substring(line.indexOf('\t') + 1)));
    return tensors;
  }

  private static Map<String, String> exported(String preset, String uncompared) {
    Map<String, String> tensors = new HashMap<>();
    SafetensorsFile file =
        SafetensorsFile.open(directory.resolve(preset).resolve("model.safetensors"));
    for (TensorInfo info : file.tensors()) {
      String type = info.dtype() + "\t" + info.shape().toString().replace(" ", "");
      try (Arena arena = Arena.ofConfined()) {
        byte[] bytes = file.open(info.name(), arena).segment().toArray(ValueLayout.JAVA_BYTE);
        tensors.put(info.name(), isAny(info.name(), uncompared) ? type : type + "\t" + hash(bytes));
      }
    }
    return new TreeMap<>(tensors);
  }

  private static String hash(byte[] bytes) {
    try {
      byte[] digest = MessageDigest.getInstance("SHA-256").digest(bytes);
      return HexFormat.of().formatHex(digest).substring(0, 16);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  private static String resource(String name) throws IOException {
    try (InputStream in = ReferenceBytesTest.class.getResourceAsStream(name)) {
      return new String(Objects.requireNonNull(in, name).readAllBytes(), StandardCharsets.UTF_8);
    }
  }
}
