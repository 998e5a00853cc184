package org.modelopt.export.verify;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.modelopt.ModelOpt;
import org.modelopt.config.Config;
import org.modelopt.data.CalibrationData;
import org.modelopt.export.DataFreeFormat;
import org.modelopt.export.Exports;
import org.modelopt.export.Targets;
import org.modelopt.export.write.Export;
import org.modelopt.export.write.ExportOptions;
import org.modelopt.export.write.Target;
import org.modelopt.job.JobOptions;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.models.pocket.PocketModel;
import org.modelopt.quantize.QuantizedModel;
import org.modelopt.safetensors.SafetensorsFile;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Real exports, damaged in a dozen ways each: every defect is found. */
class SabotageTest {
  private static final String DOWN = "model.layers.1.mlp.down_proj.";
  private static final String RANK_DOWN = "transformer.layers.1.mlp.proj.";
  private static final String STACKED_DOWN = "model.layers.1.mlp.experts.down_proj_";
  private static final String STACKED = "MXFP4_MLP_WEIGHT_ONLY hf-mxfp4";

  @TempDir private static Path directory;
  private static Path original;
  private static Path stacked;
  private static final Map<String, Path> EXPORTS = new LinkedHashMap<>();

  @BeforeAll
  static void exportEverything() throws IOException {
    // Two of its four layers: every defect is planted in the second.
    TestCheckpoint model = read(PocketModel.extract(directory.resolve("pocket-llama")));
    model.tensors.keySet().removeIf(name -> name.matches(".*\\.layers\\.[23]\\..*"));
    model.config.put("num_hidden_layers", 2);
    original = model.write(directory.resolve("original"));
    List<Config> configs =
        List.of(
            Config.NVFP4_DEFAULT,
            Config.MXFP8_DEFAULT,
            Config.INT4_BLOCKWISE_WEIGHT_ONLY,
            DataFreeFormat.find("int8").orElseThrow().config().orElseThrow(),
            Config.FP8_2D_BLOCKWISE_WEIGHT_ONLY,
            Config.INT4_AWQ,
            Config.FP8_DEFAULT);
    List<List<String>> kinds =
        List.of(
            List.of("hf", "compressed-tensors", "trtllm"),
            List.of("hf"),
            List.of("hf", "compressed-tensors", "autoawq", "gptq"),
            List.of("compressed-tensors"),
            List.of("hf-fp8-block"),
            List.of("hf", "compressed-tensors", "autoawq", "llm-awq", "gptq", "trtllm"),
            List.of("hf", "compressed-tensors", "trtllm"));
    try (HfModel loaded = Models.load(original)) {
      CalibrationData data =
          CalibrationData.of(List.of(Tensor.ofInts(Arena.ofAuto(), Shape.of(4), 0, 11, 222, 1333)));
      List<QuantizedModel> quantized =
          ModelOpt.quantize(loaded, configs, data, JobOptions.defaults());
      for (int c = 0; c < configs.size(); c++) {
        LinkedHashMap<Path, Target> targets = new LinkedHashMap<>();
        for (String kind : kinds.get(c)) {
          Path path = directory.resolve(configs.get(c).name() + "-" + kind);
          EXPORTS.put(configs.get(c).name() + " " + kind, path);
          targets.put(path, Targets.find(kind).orElseThrow());
        }
        Export.run(quantized.get(c), targets, ExportOptions.defaults().withoutComparison());
      }
      Path plain = directory.resolve("plain");
      EXPORTS.put("PLAIN plain", plain);
      Exports.plain(QuantizedModel.unchanged(loaded), DType.F16).to(plain);
    }
    stacked = TinyModels.gptOss().write(directory.resolve("gpt-oss"));
    try (HfModel loaded = Models.load(stacked)) {
      Path path = directory.resolve("stacked");
      EXPORTS.put(STACKED, path);
      Exports.huggingFaceMxfp4(ModelOpt.quantize(loaded, Config.MXFP4_MLP_WEIGHT_ONLY)).to(path);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "NVFP4_DEFAULT hf",
        "NVFP4_DEFAULT compressed-tensors",
        "NVFP4_DEFAULT trtllm",
        "MXFP8_DEFAULT hf",
        "INT4_BLOCKWISE_WEIGHT_ONLY hf",
        "INT4_BLOCKWISE_WEIGHT_ONLY compressed-tensors",
        "INT4_BLOCKWISE_WEIGHT_ONLY autoawq",
        "INT4_BLOCKWISE_WEIGHT_ONLY gptq",
        "INT8_PER_CHANNEL_PER_TOKEN compressed-tensors",
        "FP8_2D_BLOCKWISE_WEIGHT_ONLY hf-fp8-block",
        "INT4_AWQ hf",
        "INT4_AWQ compressed-tensors",
        "INT4_AWQ autoawq",
        "INT4_AWQ llm-awq",
        "INT4_AWQ gptq",
        "INT4_AWQ trtllm",
        "FP8_DEFAULT hf",
        "FP8_DEFAULT compressed-tensors",
        "FP8_DEFAULT trtllm",
        "PLAIN plain",
        STACKED
      })
  void everyPlantedDefectIsFound(String name) throws IOException {
    Path export = EXPORTS.get(name);
    TestCheckpoint intact = read(export);
    boolean ranks = Files.exists(export.resolve("rank0.safetensors"));
    Path before = name.equals(STACKED) ? stacked : original;
    String module = name.equals(STACKED) ? STACKED_DOWN : ranks ? RANK_DOWN : DOWN;
    assertTrue(verify(intact, ranks, before).passed(), () -> name);
    List<String> unnoticed = new ArrayList<>();
    for (Map.Entry<String, Defect> defect : defects(module).entrySet()) {
      TestCheckpoint damaged = copy(intact);
      if (!defect.getValue().plant(damaged)) {
        continue;
      }
      if (verify(damaged, ranks, before).passed()) {
        unnoticed.add(defect.getKey());
      }
      planted++;
    }
    assertTrue(planted >= 10, () -> name + ": only " + planted + " defects apply");
    assertTrue(unnoticed.isEmpty(), () -> name + " passes with " + unnoticed);
  }

  private int planted;

  /** Damages a checkpoint; false if it has nothing of the kind. */
  @FunctionalInterface
  private interface Defect {
    boolean plant(TestCheckpoint checkpoint);
  }

  private static Map<String, Defect> defects(String module) {
    Map<String, Defect> defects = new LinkedHashMap<>();
    defects.put("missing scale", c -> withScale(c, module, n -> c.tensors.remove(n)));
    defects.put("missing codes", c -> withCodes(c, module, n -> c.tensors.remove(n)));
    defects.put("unknown tensor", c -> put(c, module + "bogus_scale", TestTensor.scalar(1)));
    defects.put(
        "reciprocal scales",
        c -> withScale(c, module, n -> c.put(n, mapped(c.get(n), v -> 1 / v))));
    defects.put(
        "doubled scales", c -> withScale(c, module, n -> c.put(n, mapped(c.get(n), v -> 2 * v))));
    defects.put(
        "no number among scales",
        c -> withScale(c, module, n -> c.put(n, mapped(c.get(n), v -> Double.NaN))));
    defects.put(
        "swapped nibbles, or flipped signs",
        c -> withCodes(c, module, n -> c.put(n, bytes(c.get(n), SabotageTest::swap))));
    defects.put("rows out of order", c -> withCodes(c, module, n -> c.put(n, rolled(c.get(n)))));
    defects.put("transposed shape", c -> withCodes(c, module, n -> c.put(n, transposed(c.get(n)))));
    defects.put(
        "codes of another type", c -> withCodes(c, module, n -> c.put(n, retyped(c.get(n)))));
    defects.put("zero codes", c -> withCodes(c, module, n -> c.put(n, bytes(c.get(n), b -> 0))));
    defects.put(
        "another type of norms",
        c -> with(c, n -> n.endsWith("layernorm.weight"), n -> c.put(n, retyped(c.get(n)))));
    defects.put(
        "one norm lost",
        c ->
            with(
                c,
                n -> n.contains(".1.") && n.endsWith("input_layernorm.weight"),
                c.tensors::remove));
    defects.put("one row of up scaled", c -> withRow(c, module));
    defects.put(
        "unequal scales of joined layers",
        c ->
            with(
                c,
                n -> n.matches(".*\\.layers\\.1\\..*q_proj\\.(weight_scale_2|weight_global_scale)"),
                n -> c.put(n, mapped(c.get(n), v -> 1.5 * v))));
    defects.put(
        "missing input scale",
        c ->
            with(
                c,
                n ->
                    n.startsWith(module)
                        && n.matches(
                            ".*\\.(input_scale|input_global_scale|activation_scaling_factor)"),
                c.tensors::remove));
    defects.put("quantized layer excluded", c -> exclude(c, module));
    defects.put(
        "another algorithm",
        c -> {
          if (!c.config.has("quantization") && !c.config.has("quantization_config")) {
            return false;
          }
          ObjectNode at =
              c.config.has("quantization") ? (ObjectNode) c.config.get("quantization") : c.inline();
          at.put("quant_algo", "W3A3").put("quant_method", "unheard").put("bits", 3);
          return true;
        });
    defects.put(
        "another size in config.json",
        c -> {
          c.config.put("hidden_size", 256);
          return true;
        });
    defects.put(
        "embedding of another model",
        c ->
            with(
                c,
                n -> n.endsWith("embed_tokens.weight") || n.endsWith("vocab_embedding.weight"),
                n -> c.put(n, bytes(c.get(n), b -> b ^ 0x40))));
    return defects;
  }

  /** Doubles what stands for one row of the layer before, where rows have scales of their own. */
  private static boolean withRow(TestCheckpoint c, String module) {
    String before = module.replace("down_proj", "up_proj").replace("mlp.proj", "mlp.gate");
    Predicate<String> scales =
        n ->
            n.startsWith(before)
                && n.matches(".*\\.(weight_scale|scales|weights_scaling_factor)")
                && c.get(n).dtype().isWideFloat()
                && c.get(n).floats().length > 1;
    return with(
        c,
        scales,
        n -> {
          TestTensor tensor = c.get(n);
          boolean last = n.endsWith(".scales");
          int rows = (int) tensor.dims()[last ? 1 : 0];
          int each = tensor.floats().length / rows;
          int[] at = {0};
          c.put(
              n,
              mapped(
                  tensor,
                  v -> {
                    int row = last ? at[0] % rows : at[0] / each;
                    at[0]++;
                    return row == 5 ? 2 * v : v;
                  }));
        });
  }

  private static boolean exclude(TestCheckpoint c, String module) {
    boolean ranks = c.config.has("quantization");
    if (!ranks && !c.config.has("quantization_config")) {
      return false;
    }
    String path = module.substring(0, module.length() - 1);
    ObjectNode at = ranks ? (ObjectNode) c.config.get("quantization") : c.inline();
    boolean listed = false;
    for (String key : List.of("ignore", "exclude_modules", "modules_to_not_convert")) {
      if (at.get(key) instanceof ArrayNode list) {
        list.add(path);
        listed = true;
      }
    }
    if (c.hfQuantConfig != null) {
      ((ArrayNode) c.nested().get("exclude_modules")).add(path);
    }
    return listed;
  }

  private static byte swapped(byte b) {
    return (byte) ((b & 0xF) << 4 | (b & 0xF0) >>> 4);
  }

  /** Of 4-bit codes the nibbles; whatever is no nibble changes as much. */
  private static int swap(int b) {
    return swapped((byte) b);
  }

  private static boolean withScale(
      TestCheckpoint c, String module, java.util.function.Consumer<String> change) {
    Predicate<String> scale =
        n ->
            n.startsWith(module)
                && n.matches(".*[._](weight_scale|weight_scale_inv|scales|weights_scaling_factor)");
    return with(c, scale, change);
  }

  private static boolean withCodes(
      TestCheckpoint c, String module, java.util.function.Consumer<String> change) {
    Predicate<String> codes =
        n -> n.startsWith(module) && n.matches(".*\\.(weight|weight_packed|qweight)|.*_blocks");
    return with(c, codes, change);
  }

  private static boolean with(
      TestCheckpoint c, Predicate<String> which, java.util.function.Consumer<String> change) {
    List<String> names = c.tensors.keySet().stream().filter(which).toList();
    names.forEach(change);
    return !names.isEmpty();
  }

  private static boolean put(TestCheckpoint c, String name, TestTensor tensor) {
    c.put(name, tensor);
    return true;
  }

  /** Changes a byte, 0 to 255. */
  @FunctionalInterface
  private interface ByteChange {
    int of(int value);
  }

  private static TestTensor bytes(TestTensor tensor, ByteChange change) {
    byte[] changed = tensor.bytes().clone();
    for (int i = 0; i < changed.length; i++) {
      changed[i] = (byte) change.of(changed[i] & 0xFF);
    }
    return TestTensor.bytes(tensor.dtype(), tensor.dims(), changed);
  }

  private static TestTensor mapped(
      TestTensor tensor, java.util.function.DoubleUnaryOperator change) {
    if (tensor.dtype() == DType.U8 || tensor.dtype() == DType.F8_E4M3) {
      // Exponents: 2^(e - 127) and, three bits further up, E4M3 without its mantissa.
      double probe = change.applyAsDouble(4);
      int shift = tensor.dtype() == DType.U8 ? 1 : 8;
      return bytes(
          tensor,
          b ->
              Double.isNaN(probe)
                  ? (tensor.dtype() == DType.U8 ? 255 : 0x7F)
                  : probe < 1 ? Math.max(1, 254 - b) & 0x7F : Math.min(b + shift, 0x7E));
    }
    float[] values = tensor.floats();
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) change.applyAsDouble(values[i]);
    }
    return switch (tensor.dtype()) {
      case F16 -> TestTensor.f16(tensor.dims(), values);
      case BF16 -> TestTensor.bf16(tensor.dims(), values);
      default -> TestTensor.f32(tensor.dims(), values);
    };
  }

  private static TestTensor rolled(TestTensor tensor) {
    int row = (int) (tensor.bytes().length / tensor.dims()[0]);
    byte[] changed = new byte[tensor.bytes().length];
    for (int i = 0; i < changed.length; i++) {
      changed[(i + row) % changed.length] = tensor.bytes()[i];
    }
    return TestTensor.bytes(tensor.dtype(), tensor.dims(), changed);
  }

  private static TestTensor transposed(TestTensor tensor) {
    long[] dims = tensor.dims().clone();
    dims[0] = tensor.dims()[1];
    dims[1] = tensor.dims()[0];
    return TestTensor.bytes(tensor.dtype(), dims, tensor.bytes());
  }

  private static TestTensor retyped(TestTensor tensor) {
    DType other = tensor.dtype().bits() == 32 ? DType.F32 : DType.F8_E5M2;
    return TestTensor.bytes(other, tensor.dims(), tensor.bytes());
  }

  private static TestCheckpoint copy(TestCheckpoint checkpoint) {
    return checkpoint.copy();
  }

  private static TestCheckpoint read(Path export) throws IOException {
    TestCheckpoint checkpoint = new TestCheckpoint();
    boolean ranks = Files.exists(export.resolve("rank0.safetensors"));
    SafetensorsFile file =
        SafetensorsFile.open(export.resolve(ranks ? "rank0.safetensors" : "model.safetensors"));
    for (TensorInfo info : file.tensors()) {
      try (Arena arena = Arena.ofConfined()) {
        byte[] content = file.open(info.name(), arena).segment().toArray(ValueLayout.JAVA_BYTE);
        long[] dims = info.shape().dims().stream().mapToLong(Long::longValue).toArray();
        checkpoint.put(info.name(), TestTensor.bytes(info.dtype(), dims, content));
      }
    }
    try (Stream<Path> all = Files.list(export)) {
      for (Path path : all.toList()) {
        String name = path.getFileName().toString();
        if (name.equals("config.json")) {
          checkpoint.config = (ObjectNode) TestCheckpoint.JSON.readTree(path.toFile());
        } else if (name.equals("hf_quant_config.json")) {
          checkpoint.hfQuantConfig = (ObjectNode) TestCheckpoint.JSON.readTree(path.toFile());
        } else if (!name.endsWith(".safetensors")) {
          checkpoint.files.put(name, Files.readAllBytes(path));
        }
      }
    }
    return checkpoint;
  }

  private static int written;

  private static org.modelopt.export.verify.report.VerifyReport verify(
      TestCheckpoint checkpoint, boolean ranks, Path before) throws IOException {
    Path path = checkpoint.write(directory.resolve("damaged-" + written++));
    if (ranks) {
      Files.move(path.resolve("model.safetensors"), path.resolve("rank0.safetensors"));
    }
    return Verifier.verify(path, VerifyOptions.of().withOriginal(before).withThreads(1));
  }
}
