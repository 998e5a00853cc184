package org.modelopt.export.trtllm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.TreeSet;
import org.modelopt.decision.Decisions;
import org.modelopt.decision.InputDecision;
import org.modelopt.decision.Quantization;
import org.modelopt.decision.WeightQuantization;
import org.modelopt.error.ConfigException;
import org.modelopt.export.hf.CacheScales;
import org.modelopt.export.trtllm.LinearParts.RowTensor;
import org.modelopt.export.unified.LinearFormat;
import org.modelopt.export.unified.LinearFormat.Algorithm;
import org.modelopt.export.write.Piece;
import org.modelopt.export.write.Place;
import org.modelopt.export.write.Subject;
import org.modelopt.job.LinearForm;
import org.modelopt.job.Weights;
import org.modelopt.model.CacheSite;
import org.modelopt.model.Linear;
import org.modelopt.models.decoder.DecoderSpec;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;

/** Gathers what goes into the files of all ranks. */
final class RankTensors {
  private static final Shape ONE = Shape.of(1);

  private final Subject subject;
  private final LlmConfig config;
  private final Ranks ranks;
  private final Decisions decisions;
  private final Optional<LinearFormat> format;
  private final List<List<TensorInfo>> infos = new ArrayList<>();
  private final SequencedMap<Linear, List<Piece<LinearForm>>> linears = new LinkedHashMap<>();
  private final SequencedMap<String, List<Piece<Tensor>>> parameters = new LinkedHashMap<>();
  private final SequencedMap<Place, Tensor> constants = new LinkedHashMap<>();
  private final TreeSet<String> excluded = new TreeSet<>(List.of("lm_head"));
  private final Optional<CacheScales> cacheScales;

  RankTensors(
      Subject subject,
      LlmConfig config,
      Ranks ranks,
      Decisions decisions,
      Optional<LinearFormat> format) {
    this.subject = subject;
    this.config = config;
    this.ranks = ranks;
    this.decisions = decisions;
    this.format = format;
    this.cacheScales = CacheScales.of(subject);
    for (int rank = 0; rank < ranks.count(); rank++) {
      infos.add(new ArrayList<>());
    }
    int heads = config.heads();
    int kv = config.keyValueHeads();
    int tp = ranks.tensorParallel();
    if (heads % tp != 0 || (kv % tp != 0 && tp % kv != 0)) {
      throw new ConfigException(
          "%d heads and %d key-value heads cannot be divided onto %d GPUs; choose a divisor of the heads that divides the key-value heads or is a multiple of them"
              .formatted(heads, kv, tp));
    }
  }

  List<List<TensorInfo>> infos() {
    return infos;
  }

  SequencedMap<Linear, List<Piece<LinearForm>>> linears() {
    return linears;
  }

  SequencedMap<String, List<Piece<Tensor>>> parameters() {
    return parameters;
  }

  SequencedMap<Place, Tensor> constants() {
    return constants;
  }

  List<String> excluded() {
    return List.copyOf(excluded);
  }

  Optional<String> cache() {
    return cacheScales.map(CacheScales::format);
  }

  private static Slot slot(SequencedMap<Linear, Slot> slots, Linear linear) {
    return Objects.requireNonNull(slots.get(linear), linear.name());
  }

  /** Adds linears that become one module. */
  void addModule(List<Linear> members, SequencedMap<Linear, Slot> slots) {
    Slot slot = slot(slots, members.getFirst());
    String name = "transformer.layers." + ranks.local(slot.layer()) + "." + slot.module();
    long coded =
        members.stream().filter(l -> decisions.weightQuantization(l.name()).isPresent()).count();
    boolean atLoad = format.filter(f -> f.algorithm() == Algorithm.INT8_WEIGHT).isPresent();
    if (coded != 0 && coded != members.size()) {
      throw new ConfigException(
          "%s: some of the linears that TensorRT-LLM joins are quantized, others are not: %s"
              .formatted(name, members.stream().map(Linear::name).toList()));
    }
    boolean wanted =
        members.stream()
            .allMatch(l -> subject.decisions().weightQuantization(l.name()).isPresent());
    if (!wanted) {
      excluded.add(slot.isRouter() ? "*router" : globalName(slot));
    }
    int stage = ranks.stage(slot.layer());
    for (int t = 0; t < ranks.tensorParallel(); t++) {
      int rank = ranks.rank(stage, t);
      if (slot.isRouter()) {
        addRouter(members.getFirst(), name, rank);
        continue;
      }
      for (RowTensor tensor : tensors(members.getFirst(), coded > 0)) {
        addRows(members, slots, name, tensor, t, rank);
      }
      addBias(members, slots, name, t, rank);
      if (coded > 0 && !atLoad) {
        addNumbers(members, slot, name, part(members.getFirst(), slot, t, rank), rank);
      }
    }
  }

  private static String globalName(Slot slot) {
    return "transformer.layers." + slot.layer() + "." + slot.module();
  }

  private List<RowTensor> tensors(Linear linear, boolean coded) {
    if (!coded) {
      return List.of(LinearParts.plain(subject.dtype()));
    }
    WeightQuantization how = decisions.weightQuantization(linear.name()).orElseThrow();
    return LinearParts.of(format.orElseThrow(), how);
  }

  private void addRows(
      List<Linear> members,
      SequencedMap<Linear, Slot> slots,
      String module,
      RowTensor tensor,
      int t,
      int rank) {
    String name = module + "." + tensor.suffix();
    List<Linear> ordered = ordered(members, slots);
    int experts = slot(slots, ordered.getFirst()).isExpert() ? config.experts() : 0;
    long columns = part(ordered.getFirst(), slot(slots, ordered.getFirst()), t, rank).columns();
    long rows = 0;
    for (Linear member : ordered) {
      Part part = part(member, slot(slots, member), t, rank);
      check(member, part, tensor);
      linears
          .computeIfAbsent(member, key -> new ArrayList<>())
          .add(
              new Piece<>(
                  new Place(rank, name, tensor.bytes(rows, columns)),
                  (form, pass, arena) -> {
                    Tensor made = tensor.reader().read(form, part, arena);
                    return made.dtype() == tensor.dtype()
                        ? made
                        : Weights.rounded(made, tensor.dtype(), pass, arena);
                  }));
      rows += part.rows();
    }
    Shape shape = tensor.shape(experts == 0 ? rows : rows / experts, columns);
    infos
        .get(rank)
        .add(new TensorInfo(name, tensor.dtype(), experts == 0 ? shape : stacked(experts, shape)));
  }

  /** By expert, then by their place in the joined tensor. */
  private static List<Linear> ordered(List<Linear> members, SequencedMap<Linear, Slot> slots) {
    return members.stream()
        .sorted((a, b) -> {
          Slot x = slot(slots, a);
          Slot y = slot(slots, b);
          return x.expert() != y.expert()
              ? Integer.compare(x.expert(), y.expert())
              : Integer.compare(x.member(), y.member());
        })
        .toList();
  }

  private static Shape stacked(int count, Shape shape) {
    long[] dims = new long[shape.rank() + 1];
    dims[0] = count;
    for (int i = 0; i < shape.rank(); i++) {
      dims[i + 1] = shape.dim(i);
    }
    return Shape.of(dims);
  }

  private static void check(Linear linear, Part part, RowTensor tensor) {
    int unit = Math.max(1, tensor.columnsPerElement());
    if (part.columns() % unit != 0
        || part.fromColumn() % unit != 0
        || part.rows() % tensor.rowsPerElement() != 0) {
      throw new ConfigException(
          "%s: parts of %d rows and %d columns cut blocks of %d rows and %d columns; use fewer GPUs, or exclude it"
              .formatted(
                  linear.name(), part.rows(), part.columns(), tensor.rowsPerElement(), unit));
    }
  }

  private Part part(Linear linear, Slot slot, int t, int rank) {
    int tp = ranks.tensorParallel();
    long n = linear.outFeatures();
    long k = linear.inFeatures();
    if (slot.byRow()) {
      requireDivisible(linear, k);
      return new Part(rank, 0, n, t * (k / tp), k / tp);
    }
    boolean keyOrValue = slot.module().equals("attention.qkv") && slot.member() > 0;
    if (keyOrValue && config.keyValueHeads() < tp) {
      long size = n / config.keyValueHeads();
      long head = (long) t * config.keyValueHeads() / tp;
      return new Part(rank, head * size, size, 0, k);
    }
    requireDivisible(linear, n);
    return new Part(rank, t * (n / tp), n / tp, 0, k);
  }

  private void requireDivisible(Linear linear, long size) {
    if (size % ranks.tensorParallel() != 0) {
      throw new ConfigException(
          "%s: %d cannot be divided onto %d GPUs"
              .formatted(linear.name(), size, ranks.tensorParallel()));
    }
  }

  private void addBias(
      List<Linear> members, SequencedMap<Linear, Slot> slots, String module, int t, int rank) {
    if (!members.getFirst().hasBias()) {
      return;
    }
    String name = module + ".bias";
    long rows = 0;
    for (Linear member : ordered(members, slots)) {
      Slot slot = slot(slots, member);
      Part part = part(member, slot, t, rank);
      long offset = rows * subject.dtype().bits() / 8;
      // What an all-reduce sums is added by one rank only.
      boolean zero = slot.byRow() && t > 0;
      linears
          .computeIfAbsent(member, key -> new ArrayList<>())
          .add(
              new Piece<>(
                  new Place(rank, name, offset),
                  (form, pass, arena) -> {
                    Tensor bias = part.rowsOf(form.bias().orElseThrow());
                    return zero
                        ? Tensor.allocate(arena, subject.dtype(), bias.shape())
                        : Weights.rounded(bias, subject.dtype(), pass, arena);
                  }));
      rows += part.rows();
    }
    infos.get(rank).add(new TensorInfo(name, subject.dtype(), Shape.of(rows)));
  }

  private void addRouter(Linear linear, String module, int rank) {
    String name = module + ".weight";
    Shape shape = Shape.of(linear.outFeatures(), linear.inFeatures());
    infos.get(rank).add(new TensorInfo(name, DType.F32, shape));
    linears
        .computeIfAbsent(linear, key -> new ArrayList<>())
        .add(
            new Piece<>(
                new Place(rank, name, 0),
                (form, pass, arena) -> Weights.rounded(form.plain(), DType.F32, pass, arena)));
  }

  /** Scales that a module has once. */
  private void addNumbers(List<Linear> members, Slot slot, String module, Part part, int rank) {
    Linear first = members.getFirst();
    WeightQuantization how = decisions.weightQuantization(first.name()).orElseThrow();
    Optional<InputDecision> input = decisions.input(first.name());
    Optional<Quantization> inputs = input.flatMap(InputDecision::quantization);
    switch (format.orElseThrow().algorithm()) {
      case FP8 -> {
        number(rank, module + ".weights_scaling_factor", ONE, MergedScales.shared(how));
        activation(rank, module, ONE, inputs);
      }
      case NVFP4 -> {
        number(rank, module + ".weights_scaling_factor_2", Shape.scalar(), how.globalScale());
        activation(rank, module, Shape.scalar(), inputs);
      }
      case INT8 -> {
        activation(rank, module, ONE, inputs);
        input
            .flatMap(InputDecision::preScale)
            .ifPresent(factors -> preScale(rank, module, slot, part, factors));
      }
      case INT4 -> preScale(rank, module, slot, part, factors(input, first));
      case INT4_FP8 -> {
        Quantization second = how.second().orElseThrow();
        number(
            rank, module + ".weights_scaling_factor_2", ONE, second.scales().values().getFloat(0));
        activation(rank, module, ONE, inputs);
        preScale(rank, module, slot, part, factors(input, first));
      }
      default -> {
        // Scales by row are enough.
      }
    }
  }

  private void activation(int rank, String module, Shape shape, Optional<Quantization> input) {
    number(
        rank,
        module + ".activation_scaling_factor",
        shape,
        MergedScales.inputScale(input.orElseThrow()));
  }

  /** Factors of the input; ones where it is not scaled, because the kernels ask for some. */
  private Tensor factors(Optional<InputDecision> input, Linear linear) {
    Optional<Tensor> given = input.flatMap(InputDecision::preScale);
    if (given.isPresent()) {
      return given.get();
    }
    int count = Math.toIntExact(linear.inFeatures());
    Tensor ones = Tensor.allocate(Arena.ofAuto(), subject.dtype(), Shape.of(count));
    if (subject.dtype() == DType.F32) {
      float[] values = new float[count];
      Arrays.fill(values, 1);
      MemorySegment.copy(values, 0, ones.segment(), Tensor.FLOAT, 0, count);
    } else {
      short one = subject.dtype() == DType.BF16 ? (short) 0x3F80 : (short) 0x3C00;
      for (int i = 0; i < count; i++) {
        ones.segment().set(Tensor.SHORT, 2L * i, one);
      }
    }
    return ones;
  }

  private void preScale(int rank, String module, Slot slot, Part part, Tensor factors) {
    if (slot.isExpert()
        && decisions.inputs().values().stream().anyMatch(i -> i.preScale().isPresent())) {
      throw new ConfigException(
          module + ": experts that share a tensor cannot scale their inputs each in its own way");
    }
    Tensor own = part.columnsOf(factors, Arena.ofAuto());
    constant(rank, module + ".prequant_scaling_factor", own);
  }

  private void number(int rank, String name, Shape shape, float value) {
    constant(rank, name, Tensor.ofFloats(Arena.ofAuto(), shape, value));
  }

  private void constant(int rank, String name, Tensor tensor) {
    infos.get(rank).add(new TensorInfo(name, tensor.dtype(), tensor.shape()));
    constants.put(new Place(rank, name, 0), tensor);
  }

  /** Adds norms, embedding, output head and scales of the cache. */
  void addParameters() {
    for (Subject.Source source : subject.sources()) {
      if (source.linear().isEmpty()) {
        addParameter(source.name());
      } else if (source.name().equals(DecoderSpec.HEAD)) {
        addHead(source.linear().get());
      }
    }
    cacheScales.ifPresent(this::addCache);
  }

  private void addHead(Linear head) {
    addVocabulary(
        lastStage(),
        "lm_head.weight",
        (rank, place, from) ->
            linears
                .computeIfAbsent(head, key -> new ArrayList<>())
                .add(new Piece<>(place, (form, pass, arena) -> padded(form.plain(), from, arena))));
  }

  private int lastStage() {
    return ranks.pipelineParallel() - 1;
  }

  private void addParameter(String name) {
    if (name.equals(DecoderSpec.EMBEDDING)) {
      addEmbedding(0, "transformer.vocab_embedding.weight");
      if (config.isTied()) {
        addEmbedding(lastStage(), "lm_head.weight");
      }
    } else if (name.equals("model.norm.weight")) {
      copy(name, lastStage(), "transformer.ln_f.weight");
    } else {
      String[] words = name.split("\\.", 4);
      String norm =
          switch (words[3]) {
            case "input_layernorm.weight" -> "input_layernorm.weight";
            case "post_attention_layernorm.weight" -> "post_layernorm.weight";
            case "self_attn.q_norm.weight" -> "attention.q_layernorm.weight";
            case "self_attn.k_norm.weight" -> "attention.k_layernorm.weight";
            default ->
                throw new ConfigException(
                    name + ": this export knows no place for it in TensorRT-LLM's checkpoints");
          };
      int layer = Integer.parseInt(words[2]);
      copy(name, ranks.stage(layer), "transformer.layers." + ranks.local(layer) + "." + norm);
    }
  }

  private void copy(String name, int stage, String to) {
    Shape shape = subject.model().tensors().find(name).orElseThrow().shape();
    for (int t = 0; t < ranks.tensorParallel(); t++) {
      int rank = ranks.rank(stage, t);
      infos.get(rank).add(new TensorInfo(to, subject.dtype(), shape));
      parameters
          .computeIfAbsent(name, key -> new ArrayList<>())
          .add(
              new Piece<>(
                  new Place(rank, to, 0),
                  (tensor, pass, arena) -> Weights.rounded(tensor, subject.dtype(), pass, arena)));
    }
  }

  private void addEmbedding(int stage, String to) {
    addVocabulary(
        stage,
        to,
        (rank, place, from) ->
            parameters
                .computeIfAbsent(DecoderSpec.EMBEDDING, key -> new ArrayList<>())
                .add(new Piece<>(place, (tensor, pass, arena) -> padded(tensor, from, arena))));
  }

  /** Adds the piece of one rank. */
  @FunctionalInterface
  private interface VocabularyPiece {
    void add(int rank, Place place, long fromRow);
  }

  private void addVocabulary(int stage, String to, VocabularyPiece piece) {
    long hidden =
        subject.model().tensors().find(DecoderSpec.EMBEDDING).orElseThrow().shape().columns();
    for (int t = 0; t < ranks.tensorParallel(); t++) {
      int rank = ranks.rank(stage, t);
      Shape shape = Shape.of(vocabularyPart(), hidden);
      infos.get(rank).add(new TensorInfo(to, subject.dtype(), shape));
      piece.add(rank, new Place(rank, to, 0), t * vocabularyPart());
    }
  }

  private long vocabularyPart() {
    return Math.ceilDiv((long) config.vocabulary(), (long) ranks.tensorParallel());
  }

  /** Rows of a table, with rows of zeros behind its end. */
  private Tensor padded(Tensor table, long from, Arena arena) {
    long count = vocabularyPart();
    long end = Math.min(table.shape().dim(0), from + count);
    if (end == from + count) {
      return table.rows(from, end);
    }
    Tensor padded = Tensor.allocate(arena, table.dtype(), Shape.of(count, table.shape().columns()));
    if (from < end) {
      Tensor rows = table.rows(from, end);
      MemorySegment.copy(rows.segment(), 0, padded.segment(), 0, rows.byteSize());
    }
    return padded;
  }

  /** One scale for keys and values, at least 1, as the reference has it. */
  private void addCache(CacheScales scales) {
    SequencedMap<Integer, Float> largest = new LinkedHashMap<>();
    for (var entry : scales.scales().entrySet()) {
      CacheSite site = entry.getKey();
      int layer = Integer.parseInt(site.name().split("\\.", 4)[2]);
      largest.merge(layer, entry.getValue(), Math::max);
    }
    largest.forEach((layer, scale) -> {
      for (int t = 0; t < ranks.tensorParallel(); t++) {
        int rank = ranks.rank(ranks.stage(layer), t);
        String module = "transformer.layers." + ranks.local(layer) + ".attention.";
        number(rank, module + "kv_cache_scaling_factor", ONE, Math.max(1, scale));
      }
    });
  }
}
