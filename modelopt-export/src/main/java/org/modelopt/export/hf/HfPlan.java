package org.modelopt.export.hf;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import org.modelopt.decision.Decisions;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.export.write.CheckpointPlan;
import org.modelopt.export.write.Piece;
import org.modelopt.export.write.Place;
import org.modelopt.export.write.ShardedFiles;
import org.modelopt.export.write.Subject;
import org.modelopt.job.LinearForm;
import org.modelopt.job.Pass;
import org.modelopt.job.Weights;
import org.modelopt.model.Linear;
import org.modelopt.numeric.QuantizedTensor;
import org.modelopt.safetensors.ShardPlan;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;
import tools.jackson.databind.node.ObjectNode;

/**
 * Plans a checkpoint in HuggingFace's layout: what is not quantized keeps its name, type and place;
 * a quantized weight is replaced by the tensors of its layout.
 */
public final class HfPlan {
  private final Subject subject;
  private final String format;
  private final Decisions decisions;
  private final SequencedMap<Linear, LinearLayout> layouts;
  private final DType dtype;
  private final List<TensorInfo> infos = new ArrayList<>();
  private final SequencedMap<Linear, List<Piece<LinearForm>>> linears = new LinkedHashMap<>();
  private final SequencedMap<List<Linear>, List<Piece<List<LinearForm>>>> joined =
      new LinkedHashMap<>();
  private final SequencedMap<String, List<Piece<Tensor>>> parameters = new LinkedHashMap<>();
  private final SequencedMap<Place, Tensor> constants = new LinkedHashMap<>();
  private final SequencedMap<String, String> texts = new LinkedHashMap<>();

  private HfPlan(
      Subject subject,
      String format,
      Decisions decisions,
      SequencedMap<Linear, LinearLayout> layouts,
      DType dtype) {
    this.subject = subject;
    this.format = format;
    this.decisions = decisions;
    this.layouts = layouts;
    this.dtype = dtype;
    addStored();
    addStacks();
  }

  /**
   * A plan without side files.
   *
   * @param format name of the format for people
   * @param layouts what quantized linears look like
   */
  public static HfPlan of(
      Subject subject, String format, SequencedMap<Linear, LinearLayout> layouts) {
    return new HfPlan(subject, format, subject.decisions(), layouts, subject.dtype());
  }

  /**
   * A plan without side files that applies other decisions than those of the subject.
   *
   * @param format name of the format for people
   * @param layouts what quantized linears look like
   */
  public static HfPlan of(
      Subject subject,
      String format,
      Decisions decisions,
      SequencedMap<Linear, LinearLayout> layouts) {
    return new HfPlan(subject, format, decisions, layouts, subject.dtype());
  }

  /** A plan of unquantized tensors only, floats in {@code dtype}. */
  static HfPlan plain(Subject subject, String format, DType dtype) {
    return new HfPlan(subject, format, subject.decisions(), new LinkedHashMap<>(), dtype);
  }

  private void addStored() {
    for (Subject.Source source : subject.sources()) {
      String name = source.name();
      TensorInfo stored = source.info();
      if (source.isWeight()) {
        addWeight(source.linear().orElseThrow(), stored.dtype());
        continue;
      }
      infos.add(new TensorInfo(name, type(stored.dtype()), stored.shape()));
      if (source.linear().isPresent()) {
        pieces(source.linear().get())
            .add(
                new Piece<>(
                    Place.of(name),
                    (form, pass, arena) -> typed(form.bias().orElseThrow(), pass, arena)));
      } else {
        parameters.put(
            name, List.of(new Piece<>(Place.of(name), (t, pass, arena) -> typed(t, pass, arena))));
      }
    }
  }

  private void addWeight(Linear linear, DType stored) {
    Optional<LinearLayout> layout = Optional.ofNullable(layouts.get(linear));
    if (layout.isEmpty()) {
      DType kept = stored.isWideFloat() ? type(stored) : dtype;
      infos.add(new TensorInfo(linear.weightName(), kept, LinearTensors.shape(linear)));
      pieces(linear)
          .add(
              new Piece<>(
                  Place.of(linear.weightName()),
                  (form, pass, arena) ->
                      Weights.rounded(values(form, pass, arena), kept, pass, arena)));
      return;
    }
    for (LinearTensor tensor : layout.get().tensors()) {
      String name = linear.name() + "." + tensor.suffix();
      infos.add(new TensorInfo(name, tensor.dtype(), tensor.shape()));
      pieces(linear).add(new Piece<>(Place.of(name), tensor.maker()));
    }
  }

  /** The weight, or what its codes stand for. */
  private static Tensor values(LinearForm form, Pass pass, Arena arena) {
    return switch (form.weight()) {
      case LinearForm.Plain(Tensor tensor) -> tensor;
      case LinearForm.Quantized(QuantizedTensor codes, _) -> Weights.dequantize(codes, pass, arena);
    };
  }

  private List<Piece<LinearForm>> pieces(Linear linear) {
    return linears.computeIfAbsent(linear, key -> new ArrayList<>());
  }

  /** Floats of the model's own type become those of the export; others stay. */
  private DType type(DType stored) {
    return stored == subject.dtype() ? dtype : stored;
  }

  private Tensor typed(Tensor tensor, Pass pass, Arena arena) {
    return Weights.rounded(tensor, type(tensor.dtype()), pass, arena);
  }

  /** Stacks of experts that the model holds as codes, or that get some, as values. */
  private void addStacks() {
    for (ExpertStack stack : ExpertStack.of(subject.model())) {
      Optional<TensorInfo> stored = subject.model().tensors().find(stack.name());
      boolean decided =
          stack.linears().stream().anyMatch(l -> decisions.weight(l.name()).isPresent());
      if (stored.isEmpty() || decided) {
        DType kept = stored.map(TensorInfo::dtype).map(this::type).orElse(dtype);
        withStack(stack, PlainStack.of(stack, kept));
      }
    }
  }

  /** Puts {@code tensors} in the place of a stack of experts. */
  HfPlan withStack(ExpertStack stack, StackTensors tensors) {
    parameters.remove(stack.name());
    int at = 0;
    while (at < infos.size() && !infos.get(at).name().equals(stack.name())) {
      at++;
    }
    if (at < infos.size()) {
      infos.remove(at);
    }
    infos.addAll(at, tensors.infos());
    joined.putAll(tensors.pieces());
    return this;
  }

  /** Adds one F32 number under a name of its own. */
  public HfPlan withNumber(String name, Shape shape, float value) {
    infos.add(new TensorInfo(name, DType.F32, shape));
    constants.put(Place.of(name), Tensor.ofFloats(Arena.ofAuto(), shape, value));
    return this;
  }

  /** Adds numbers under names of their own. */
  public HfPlan withNumbers(Map<String, Float> numbers, Shape shape) {
    numbers.forEach((name, value) -> withNumber(name, shape, value));
    return this;
  }

  /** Adds {@code config.json}: that of the model, with {@code quantization} in it. */
  public HfPlan withConfig(ObjectNode quantization) {
    ObjectNode config = subject.model().config().json();
    config.set("quantization_config", quantization);
    return withText("config.json", JsonText.of(config));
  }

  /** Adds {@code config.json} of a checkpoint that is not quantized. */
  HfPlan withPlainConfig() {
    ObjectNode config = subject.model().config().json();
    config.remove("quantization_config");
    String key = config.has("torch_dtype") ? "torch_dtype" : "dtype";
    config.put(
        key,
        switch (dtype) {
          case BF16 -> "bfloat16";
          case F16 -> "float16";
          default -> "float32";
        });
    return withText("config.json", JsonText.of(config));
  }

  /** Adds a file. */
  public HfPlan withText(String name, String content) {
    texts.put(name, content);
    return this;
  }

  /** The plan, for these consumers. */
  public CheckpointPlan build(Set<Consumer> consumers) {
    return new CheckpointPlan(
        format,
        decisions,
        new ShardedFiles(ShardPlan.of(infos, subject.shardBytes())),
        linears,
        joined,
        parameters,
        constants,
        texts,
        subject.model().companionFiles(),
        consumers);
  }
}
