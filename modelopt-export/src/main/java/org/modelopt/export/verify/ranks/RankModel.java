package org.modelopt.export.verify.ranks;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.modelopt.export.verify.layout.RowsBefore;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import tools.jackson.databind.JsonNode;

/**
 * What {@code config.json} of TensorRT-LLM says, and the tensors that follow from it.
 *
 * @param json the file
 */
record RankModel(JsonNode json) {
  /** Types and shape that a tensor must have. */
  record Expected(Set<DType> dtypes, Shape shape, boolean scale) {}

  /**
   * A weight of a rank.
   *
   * @param name name of the module in the file
   * @param sources modules of the original, a row of the weight after the other
   * @param fromRow first row of each source in this rank
   * @param rows rows of each source in this rank
   * @param fromColumn first column in this rank
   * @param columns columns in this rank
   * @param expert number of the expert; -1 outside experts
   * @param quantized whether it has codes
   * @param norm parameter of the original that its input was multiplied by; empty if none
   * @param nowNorm the same in the file
   */
  record Module(
      String name,
      List<String> sources,
      List<Long> fromRow,
      List<Long> rows,
      long fromColumn,
      long columns,
      int expert,
      boolean quantized,
      String norm,
      String nowNorm) {
    long totalRows() {
      return rows.stream().mapToLong(Long::longValue).sum();
    }
  }

  private static final Set<DType> FLOATS = Set.of(DType.F32, DType.F16, DType.BF16);

  int number(String field, int otherwise) {
    return json.path(field).asInt(otherwise);
  }

  int tensorParallel() {
    return json.path("mapping").path("tp_size").asInt(1);
  }

  int pipelineParallel() {
    return json.path("mapping").path("pp_size").asInt(1);
  }

  int world() {
    return json.path("mapping").path("world_size").asInt(1);
  }

  int layers() {
    return number("num_hidden_layers", 0);
  }

  int experts() {
    return json.path("moe").path("num_experts").asInt(0);
  }

  String algorithm() {
    return json.path("quantization").path("quant_algo").asString("");
  }

  String cache() {
    return json.path("quantization").path("kv_cache_quant_algo").asString("");
  }

  private int group() {
    return json.path("quantization").path("group_size").asInt(128);
  }

  boolean isExcluded(String module) {
    JsonNode list = json.path("quantization").path("exclude_modules");
    List<String> patterns = new ArrayList<>();
    if (list.isArray()) {
      list.forEach(entry -> patterns.add(entry.asString("")));
    } else {
      patterns.addAll(List.of("*lm_head", "*router", "*vocab_embedding"));
    }
    return patterns.stream().anyMatch(pattern -> Globs.matches(pattern, module));
  }

  /** The weights of one rank's layers. */
  List<Module> modules(int stage, int t, boolean mixtral) {
    int heads = number("num_attention_heads", 1);
    int kv = number("num_key_value_heads", heads);
    long size = number("head_size", number("hidden_size", 0) / heads);
    long hidden = number("hidden_size", 0);
    long inner =
        experts() > 0
            ? json.path("moe").path("moe_intermediate_size").asInt(0)
            : number("intermediate_size", 0);
    int tp = tensorParallel();
    int perStage = layers() / pipelineParallel();
    List<Module> modules = new ArrayList<>();
    for (int local = 0; local < perStage; local++) {
      String now = "transformer.layers." + local + ".";
      String hf = "model.layers." + (stage * perStage + local) + ".";
      long q = heads * size / tp;
      long keys = kv < tp ? size : kv * size / tp;
      long firstKey = kv < tp ? (long) t * kv / tp * size : t * keys;
      String attention = hf + "self_attn.";
      add(
          modules,
          now + "attention.qkv",
          List.of(attention + "q_proj", attention + "k_proj", attention + "v_proj"),
          List.of(t * q, firstKey, firstKey),
          List.of(q, keys, keys),
          0,
          hidden,
          -1,
          hf + "input_layernorm",
          now + "input_layernorm");
      add(
          modules,
          now + "attention.dense",
          List.of(attention + "o_proj"),
          List.of(0L),
          List.of(hidden),
          t * q,
          q,
          -1,
          "",
          "");
      long part = inner / tp;
      String norm = hf + "post_attention_layernorm";
      String nowNorm = now + "post_layernorm";
      if (experts() == 0) {
        List<Long> from = List.of(t * part);
        List<Long> rows = List.of(part);
        String mlp = hf + "mlp.";
        add(
            modules,
            now + "mlp.fc",
            List.of(mlp + "gate_proj"),
            from,
            rows,
            0,
            hidden,
            -1,
            norm,
            nowNorm);
        add(
            modules,
            now + "mlp.gate",
            List.of(mlp + "up_proj"),
            from,
            rows,
            0,
            hidden,
            -1,
            norm,
            nowNorm);
        add(
            modules,
            now + "mlp.proj",
            List.of(mlp + "down_proj"),
            List.of(0L),
            List.of(hidden),
            t * part,
            part,
            -1,
            "",
            "");
      }
      for (int e = 0; e < experts(); e++) {
        String expert = hf + (mixtral ? "block_sparse_moe" : "mlp") + ".experts." + e + ".";
        add(
            modules,
            now + "mlp.fc",
            List.of(expert + (mixtral ? "w3" : "up_proj"), expert + (mixtral ? "w1" : "gate_proj")),
            List.of(t * part, t * part),
            List.of(part, part),
            0,
            hidden,
            e,
            "",
            "");
        add(
            modules,
            now + "mlp.proj",
            List.of(expert + (mixtral ? "w2" : "down_proj")),
            List.of(0L),
            List.of(hidden),
            t * part,
            part,
            e,
            "",
            "");
      }
    }
    return modules;
  }

  private void add(
      List<Module> modules,
      String name,
      List<String> sources,
      List<Long> fromRow,
      List<Long> rows,
      long fromColumn,
      long columns,
      int expert,
      String norm,
      String nowNorm) {
    boolean quantized = !algorithm().isEmpty() && !algorithm().equals("W8A16") && !isExcluded(name);
    modules.add(
        new Module(
            name, sources, fromRow, rows, fromColumn, columns, expert, quantized, norm, nowNorm));
  }

  /** All tensors of one rank. */
  Map<String, Expected> expected(int stage, int t) {
    Map<String, Expected> tensors = new LinkedHashMap<>();
    long hidden = number("hidden_size", 0);
    int perStage = layers() / pipelineParallel();
    for (Module module : modules(stage, t, false)) {
      if (module.expert() <= 0) {
        addModule(tensors, module);
      }
    }
    Shape wide = Shape.of(hidden);
    for (int local = 0; local < perStage; local++) {
      String now = "transformer.layers." + local + ".";
      tensors.put(now + "input_layernorm.weight", floats(wide));
      tensors.put(now + "post_layernorm.weight", floats(wide));
      if (json.path("qk_layernorm").asBoolean(false)) {
        Shape head = Shape.of(number("head_size", 0));
        tensors.put(now + "attention.q_layernorm.weight", floats(head));
        tensors.put(now + "attention.k_layernorm.weight", floats(head));
      }
      if (experts() > 0) {
        tensors.put(
            now + "mlp.router.weight",
            new Expected(Set.of(DType.F32), Shape.of(experts(), hidden), false));
      }
      if (!cache().isEmpty()) {
        tensors.put(now + "attention.kv_cache_scaling_factor", number(1));
      }
    }
    int tp = tensorParallel();
    boolean split = json.path("use_parallel_embedding").asBoolean(false);
    long vocabulary = number("vocab_size", 0);
    if (stage == 0) {
      long rows = split ? Math.ceilDiv(vocabulary, (long) tp) : vocabulary;
      tensors.put("transformer.vocab_embedding.weight", floats(Shape.of(rows, hidden)));
    }
    if (stage == pipelineParallel() - 1) {
      tensors.put("transformer.ln_f.weight", floats(wide));
      tensors.put("lm_head.weight", floats(Shape.of(Math.ceilDiv(vocabulary, (long) tp), hidden)));
    }
    return tensors;
  }

  private static Expected floats(Shape shape) {
    return new Expected(FLOATS, shape, false);
  }

  private static Expected number(int rank) {
    return new Expected(Set.of(DType.F32), rank == 0 ? Shape.scalar() : Shape.of(1), true);
  }

  private void addModule(Map<String, Expected> tensors, Module module) {
    long n = module.totalRows();
    long k = module.columns();
    String name = module.name() + ".";
    if (!module.quantized()) {
      tensors.put(name + "weight", floats(shape(module, n, k)));
      return;
    }
    switch (algorithm()) {
      case "FP8" -> {
        codes(tensors, module, DType.F8_E4M3, n, k);
        tensors.put(name + "weights_scaling_factor", number(1));
        tensors.put(name + "activation_scaling_factor", number(1));
      }
      case "FP8_PER_CHANNEL_PER_TOKEN" -> {
        codes(tensors, module, DType.F8_E4M3, n, k);
        scales(tensors, module, "per_channel_scale", DType.F32, rows(module, n));
      }
      case "W8A8_SQ_PER_CHANNEL" -> {
        codes(tensors, module, DType.I8, n, k);
        scales(tensors, module, "weights_scaling_factor", DType.F32, rows(module, n));
        tensors.put(name + "activation_scaling_factor", number(1));
      }
      case "NVFP4" -> {
        codes(tensors, module, DType.U8, n, k / 2);
        scales(tensors, module, "weights_scaling_factor", DType.F8_E4M3, shape(module, n, k / 16));
        tensors.put(name + "weights_scaling_factor_2", number(0));
        tensors.put(name + "activation_scaling_factor", number(0));
      }
      case "W4A16_AWQ", "W4A8_AWQ" -> {
        codes(tensors, module, DType.I8, n / 2, k);
        tensors.put(
            name + "weights_scaling_factor",
            new Expected(FLOATS, shape(module, n, k / group()), true));
        tensors.put(name + "prequant_scaling_factor", new Expected(FLOATS, Shape.of(k), true));
        if (algorithm().equals("W4A8_AWQ")) {
          tensors.put(name + "weights_scaling_factor_2", number(1));
          tensors.put(name + "activation_scaling_factor", number(1));
        }
      }
      default -> {
        // Reported where the configuration is checked.
      }
    }
  }

  private Shape rows(Module module, long n) {
    return module.expert() < 0 ? Shape.of(n) : Shape.of(experts(), n);
  }

  private Shape shape(Module module, long n, long k) {
    return module.expert() < 0 ? Shape.of(n, k) : Shape.of(experts(), n, k);
  }

  private void codes(Map<String, Expected> tensors, Module module, DType dtype, long n, long k) {
    tensors.put(module.name() + ".weight", new Expected(Set.of(dtype), shape(module, n, k), false));
  }

  private static void scales(
      Map<String, Expected> tensors, Module module, String suffix, DType dtype, Shape shape) {
    tensors.put(module.name() + "." + suffix, new Expected(Set.of(dtype), shape, true));
  }

  /**
   * What the module {@code source} of the original follows, in the rows and columns of a rank;
   * empty if factors cannot be moved between its input and what makes it.
   */
  Optional<RowsBefore> rowsBefore(String source) {
    int heads = number("num_attention_heads", 1);
    int kv = number("num_key_value_heads", heads);
    int tp = tensorParallel();
    String parent = source.substring(0, source.lastIndexOf('.') + 1);
    return switch (source.substring(parent.length())) {
      case "o_proj" ->
          Optional.of(
              new RowsBefore(
                  parent + "v_proj",
                  number("head_size", number("hidden_size", 0) / heads),
                  kv < tp ? heads / tp : heads / kv));
      case "down_proj" -> Optional.of(new RowsBefore(parent + "up_proj", Integer.MAX_VALUE, 1));
      case "w2" -> Optional.of(new RowsBefore(parent + "w3", Integer.MAX_VALUE, 1));
      default -> Optional.empty();
    };
  }

  /** Decoded values of row {@code row} of a module's part (its expert's, if it has one). */
  Rows rows(Module module, RankTensorSource source) {
    return new Rows(algorithm(), group(), module, source);
  }
}
