package org.modelopt.export.verify.ranks;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.modelopt.compute.Workers;
import org.modelopt.error.CheckpointException;
import org.modelopt.export.verify.checkpoint.JsonFiles;
import org.modelopt.export.verify.ranks.RankModel.Expected;
import org.modelopt.export.verify.ranks.RankModel.Module;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.TensorError;
import org.modelopt.export.verify.report.Violation;
import org.modelopt.export.verify.scheme.Decode;
import org.modelopt.export.verify.value.Original;
import org.modelopt.export.verify.value.WeightScore;
import org.modelopt.safetensors.SafetensorsFile;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;
import tools.jackson.databind.JsonNode;

/** Holds a classic TensorRT-LLM checkpoint against the loader's rules. */
public final class RankCheck {
  private static final Set<String> ALGORITHMS =
      Set.of(
          "",
          "FP8",
          "FP8_PER_CHANNEL_PER_TOKEN",
          "W8A8_SQ_PER_CHANNEL",
          "W8A16",
          "NVFP4",
          "W4A16_AWQ",
          "W4A8_AWQ");
  private static final Set<String> KEYS =
      Set.of(
          "quant_algo",
          "kv_cache_quant_algo",
          "group_size",
          "smoothquant_val",
          "clamp_val",
          "use_meta_recipe",
          "has_zero_point",
          "pre_quant_scale",
          "exclude_modules");
  private static final Violation FIELD =
      new Violation(
          "TensorRT-LLM configuration",
          "the loader stops, or builds another network",
          "write the field as the loader reads it");
  private static final Violation FILES =
      new Violation(
          "rank files",
          "every rank loads the file of its number",
          "write one file for each rank, and mapping.world_size as the product of tp and pp");
  private static final Violation MISSING =
      new Violation("missing tensor", "the loader stops with a RuntimeError", "export the tensor");
  private static final Violation EXTRA =
      new Violation(
          "unexpected tensor",
          "the loader warns and leaves it out",
          "leave it out, or name it right");
  private static final Violation WRONG =
      new Violation(
          "data type or shape",
          "the loader stops or reads other numbers",
          "store it as the format says");
  private static final Violation SCALE =
      new Violation(
          "scale that is not positive and finite",
          "products become zero, infinite or NaN",
          "write amax divided by the largest code");
  private static final Violation NAN =
      new Violation("code that is no number", "products become NaN", "saturate before rounding");
  private static final Violation REPLICA =
      new Violation(
          "tensor that differs between ranks",
          "all ranks multiply by their own",
          "write the same bytes to all ranks of a stage");
  private static final Violation VALUE =
      new Violation(
          "values far from the original",
          "the model answers something else",
          "check packing, order of rows, and direction of scales");

  private static final int SAMPLED_ROWS = 48;

  private final Path directory;
  private final Optional<Original> original;
  private final Findings findings;
  private final Workers workers;
  private final List<TensorError> errors = new ArrayList<>();
  private int tensors;
  private int quantized;

  private RankCheck(
      Path directory, Optional<Original> original, Findings findings, Workers workers) {
    this.workers = workers;
    this.directory = directory;
    this.original = original;
    this.findings = findings;
  }

  /**
   * What was looked at.
   *
   * @param tensors number of tensors
   * @param quantized number of modules with codes
   * @param errors distance of each from the original
   */
  public record Result(int tensors, int quantized, List<TensorError> errors) {
    /** Copies the list. */
    public Result {
      errors = List.copyOf(errors);
    }
  }

  /** Whether a directory holds such a checkpoint. */
  public static boolean isOne(Path directory) {
    return Files.exists(directory.resolve("rank0.safetensors"));
  }

  /** Runs the check. */
  public static Result run(
      Path directory, Optional<Original> original, Findings findings, Workers workers) {
    RankCheck check = new RankCheck(directory, original, findings, workers);
    Optional<JsonNode> config = JsonFiles.read(directory, "config.json", findings);
    if (config.isEmpty()) {
      findings.error(FIELD, Place.file("config.json"), "a file", "absent");
    } else if (check.checkConfig(config.get())) {
      check.checkRanks(new RankModel(config.get()));
    }
    return new Result(check.tensors, check.quantized, check.errors);
  }

  private static Place at(String field) {
    return Place.file("config.json " + field);
  }

  private boolean checkConfig(JsonNode config) {
    boolean usable = true;
    for (String field :
        List.of(
            "architecture",
            "dtype",
            "hidden_size",
            "num_hidden_layers",
            "num_attention_heads",
            "vocab_size")) {
      if (!config.has(field)) {
        findings.error(FIELD, at(field), "a value", "absent");
        usable = false;
      }
    }
    RankModel model = new RankModel(config);
    Set<String> keys = new TreeSet<>(config.path("quantization").propertyNames());
    keys.removeAll(KEYS);
    if (!keys.isEmpty()) {
      findings.error(FIELD, at("quantization"), KEYS, keys);
    }
    if (!ALGORITHMS.contains(model.algorithm())) {
      findings.error(FIELD, at("quantization quant_algo"), ALGORITHMS, model.algorithm());
      usable = false;
    }
    int product = model.tensorParallel() * model.pipelineParallel();
    if (product != model.world() || product < 1) {
      findings.error(FILES, at("mapping world_size"), product, model.world());
      usable = false;
    }
    if (usable && model.layers() % model.pipelineParallel() != 0) {
      findings.error(FILES, at("mapping pp_size"), "a divisor of the layers", model.layers());
      usable = false;
    }
    if (usable && original.isPresent()) {
      compareConfig(config);
    }
    return usable;
  }

  private void compareConfig(JsonNode config) {
    Findings ignored = new Findings();
    Optional<JsonNode> before =
        JsonFiles.read(original.orElseThrow().path(), "config.json", ignored);
    Map<String, String> fields =
        Map.of(
            "hidden_size", "hidden_size",
            "num_hidden_layers", "num_hidden_layers",
            "num_attention_heads", "num_attention_heads",
            "num_key_value_heads", "num_key_value_heads",
            "vocab_size", "vocab_size",
            "norm_epsilon", "rms_norm_eps");
    fields.forEach((now, then) ->
        before
            .map(node -> node.path(then))
            .filter(node -> !node.isMissingNode() && !node.equals(config.path(now)))
            .ifPresent(node -> findings.error(FIELD, at(now), node, config.path(now))));
  }

  private void checkRanks(RankModel model) {
    Set<String> wanted = new TreeSet<>();
    for (int rank = 0; rank < model.world(); rank++) {
      wanted.add("rank" + rank + ".safetensors");
    }
    Set<String> found = files();
    if (!wanted.equals(found)) {
      findings.error(FILES, Place.EXPORT, wanted, found);
      return;
    }
    for (int stage = 0; stage < model.pipelineParallel(); stage++) {
      Map<String, byte[]> shared = new HashMap<>();
      for (int t = 0; t < model.tensorParallel(); t++) {
        checkRank(model, stage, t, shared);
      }
    }
  }

  private Set<String> files() {
    try (Stream<Path> all = Files.list(directory)) {
      Set<String> names = new TreeSet<>();
      all.map(path -> path.getFileName().toString())
          .filter(name -> name.endsWith(".safetensors"))
          .forEach(names::add);
      return names;
    } catch (IOException e) {
      throw new CheckpointException(directory + " cannot be listed: " + e, e);
    }
  }

  private void checkRank(RankModel model, int stage, int t, Map<String, byte[]> shared) {
    String name = "rank" + (stage * model.tensorParallel() + t) + ".safetensors";
    SafetensorsFile file;
    try {
      file = SafetensorsFile.open(directory.resolve(name));
    } catch (CheckpointException e) {
      findings.error(FILES, Place.file(name), "a readable file", String.valueOf(e.getMessage()));
      return;
    }
    tensors += file.tensors().size();
    Map<String, Expected> expected = model.expected(stage, t);
    boolean complete = true;
    for (Map.Entry<String, Expected> entry : expected.entrySet()) {
      complete &= checkTensor(file, name, entry.getKey(), entry.getValue());
    }
    for (TensorInfo info : file.tensors()) {
      boolean bias = info.name().endsWith(".bias");
      boolean optional = info.name().endsWith(".prequant_scaling_factor");
      if (!expected.containsKey(info.name()) && !bias && !optional) {
        findings.error(
            EXTRA,
            Place.tensor(info.name(), name),
            "tensors of " + model.algorithm(),
            info.dtype() + " " + info.shape());
      }
    }
    checkReplicas(file, name, shared);
    if (complete) {
      checkModules(model, stage, t, file, name);
    }
  }

  private boolean checkTensor(
      SafetensorsFile file, String fileName, String name, Expected expected) {
    Optional<TensorInfo> info = file.find(name);
    var place = Place.tensor(name, fileName);
    if (info.isEmpty()) {
      findings.error(MISSING, place, expected.shape(), "absent");
      return false;
    }
    if (!expected.dtypes().contains(info.get().dtype())
        || !expected.shape().equals(info.get().shape())) {
      findings.error(
          WRONG,
          place,
          new TreeSet<>(expected.dtypes()) + " " + expected.shape(),
          info.get().dtype() + " " + info.get().shape());
      return false;
    }
    if (expected.scale()) {
      try (Arena arena = Arena.ofConfined()) {
        Tensor scales = file.open(name, arena);
        for (long i = 0; i < scales.shape().elements(); i++) {
          float scale = Decode.scale(scales, i);
          if (!(scale > 0) || Float.isInfinite(scale)) {
            findings.error(SCALE, place, "positive and finite", scale + " at " + i);
            break;
          }
        }
      }
    }
    return true;
  }

  /** Numbers and norms that all ranks of a stage have must be the same. */
  private void checkReplicas(SafetensorsFile file, String fileName, Map<String, byte[]> shared) {
    for (TensorInfo info : file.tensors()) {
      boolean one =
          info.shape().elements() == 1
              || info.name().contains("norm")
              || info.name().contains("router")
              || info.name().contains("ln_f");
      if (!one) {
        continue;
      }
      try (Arena arena = Arena.ofConfined()) {
        byte[] bytes = file.open(info.name(), arena).segment().toArray(ValueLayout.JAVA_BYTE);
        byte[] first = shared.putIfAbsent(info.name(), bytes);
        if (first != null && !Arrays.equals(first, bytes)) {
          findings.error(
              REPLICA,
              Place.tensor(info.name(), fileName),
              "the bytes of the first rank",
              "others");
        }
      }
    }
  }

  private void checkModules(
      RankModel model, int stage, int t, SafetensorsFile file, String fileName) {
    boolean mixtral =
        original.isPresent()
            && original.get().find("model.layers.0.block_sparse_moe.gate.weight").isPresent();
    List<Module> modules = model.modules(stage, t, mixtral);
    try (Arena arena = Arena.ofShared()) {
      for (Module module : modules) {
        quantized += module.quantized() ? 1 : 0;
        Rows rows =
            model.rows(module, wanted -> file.find(wanted).map(i -> file.open(i.name(), arena)));
        if (module.expert() <= 0 && rows.hasNan()) {
          findings.error(
              NAN, Place.tensor(module.name() + ".weight", fileName), "numbers", "NaN codes");
        }
      }
      original.ifPresent(before ->
          new RankValues(model, modules, before, file, arena)
              .scores(workers)
              .forEach(score -> report(score, fileName)));
    }
    original.ifPresent(before -> compareTables(model, stage, t, file, fileName, before));
  }

  private void report(RankValues.Scored scored, String fileName) {
    String name = scored.source() + ".weight";
    WeightScore score = scored.score();
    errors.add(
        new TensorError(
            name,
            scored.module().name(),
            score.relative(),
            score.max(),
            score.sqnrDecibel(),
            score.bound()));
    score
        .problem()
        .ifPresent(problem ->
            findings.error(
                VALUE,
                Place.tensor(scored.module().name() + ".weight", fileName),
                problem.expected() + " for " + name,
                problem.found()));
  }

  private void compareTables(
      RankModel model, int stage, int t, SafetensorsFile file, String fileName, Original before) {
    String embedding = "model.embed_tokens.weight";
    String head = before.find("lm_head.weight").isPresent() ? "lm_head.weight" : embedding;
    if (stage == 0) {
      compareTable("transformer.vocab_embedding.weight", embedding, t, file, fileName, before);
    }
    if (stage == model.pipelineParallel() - 1) {
      compareTable("lm_head.weight", head, t, file, fileName, before);
    }
  }

  private void compareTable(
      String name, String source, int t, SafetensorsFile file, String fileName, Original before) {
    try (Arena arena = Arena.ofConfined()) {
      Tensor part = file.open(name, arena);
      Tensor table = before.open(source, arena);
      long rows = part.shape().dim(0);
      long columns = part.shape().columns();
      for (long r = 0; r < rows; r += Math.max(1, rows / SAMPLED_ROWS)) {
        for (long c = 0; c < columns; c++) {
          long from = t * rows + r;
          float expected = from < table.shape().dim(0) ? table.getFloat(from * columns + c) : 0;
          if (Math.abs(part.getFloat(r * columns + c) - expected) > Math.abs(expected) / 128) {
            findings.error(
                VALUE,
                Place.tensor(name, fileName),
                "row " + from + " of " + source,
                "other values");
            return;
          }
        }
      }
    }
  }
}
