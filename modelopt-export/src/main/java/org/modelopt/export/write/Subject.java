package org.modelopt.export.write;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import org.modelopt.config.SpecNames;
import org.modelopt.decision.Decisions;
import org.modelopt.decision.InputDecision;
import org.modelopt.decision.WeightDecision;
import org.modelopt.decision.WeightQuantization;
import org.modelopt.error.ConfigException;
import org.modelopt.model.Linear;
import org.modelopt.models.HfModel;
import org.modelopt.models.decoder.DecoderSpec;
import org.modelopt.models.decoder.TensorSlice;
import org.modelopt.quantize.QuantizedModel;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.TensorInfo;

/**
 * What is to be exported: a quantized HuggingFace model, as targets look at it.
 *
 * @param quantized the model and what was decided
 * @param model the model
 * @param shardBytes size of tensors at which a new file begins, where a target has shards
 */
public record Subject(QuantizedModel quantized, HfModel model, long shardBytes) {
  private static final String WEIGHT = ".weight";

  /**
   * A subject.
   *
   * @throws ConfigException if the model is no HuggingFace checkpoint
   */
  public static Subject of(QuantizedModel quantized, long shardBytes) {
    if (!(quantized.model() instanceof HfModel model)) {
      throw new ConfigException(
          quantized.model().name()
              + " is not a HuggingFace checkpoint; load it with Models.load to export it as one");
    }
    return new Subject(quantized, model, shardBytes);
  }

  /** What was decided. */
  public Decisions decisions() {
    return quantized.decisions();
  }

  /**
   * Linears that get codes, in order of execution, and how.
   *
   * @throws ConfigException if one of them has its weight from another module, or is an expert that
   *     is stored stacked
   */
  public SequencedMap<Linear, WeightQuantization> quantizedLinears() {
    SequencedMap<Linear, WeightQuantization> linears = quantizedWithStackedExperts();
    linears.keySet().stream()
        .filter(linear -> linear.role() == Linear.Role.STACKED_EXPERT)
        .findFirst()
        .ifPresent(linear -> {
          throw new ConfigException(
              linear.name()
                  + ": experts that checkpoints store stacked are quantized in MXFP4; the export"
                  + " hf-mxfp4 holds their codes, plain and gguf what these stand for: choose one"
                  + " of them, or exclude \"*.experts.*\"");
        });
    return linears;
  }

  /**
   * As {@link #quantizedLinears()}, for a target that holds experts stored stacked.
   *
   * @throws ConfigException if a linear has its weight from another module
   */
  public SequencedMap<Linear, WeightQuantization> quantizedWithStackedExperts() {
    SequencedMap<Linear, WeightQuantization> linears = new LinkedHashMap<>();
    model
        .linears()
        .forEach(linear ->
            decisions()
                .weightQuantization(linear.name())
                .ifPresent(how -> linears.put(checkOwn(linear), how)));
    return Collections.unmodifiableSequencedMap(linears);
  }

  private static Linear checkOwn(Linear linear) {
    if (!linear.weightName().equals(linear.name() + WEIGHT)) {
      throw new ConfigException(
          "%s shares its weight with %s, which stays as it is; exclude %s from quantization"
              .formatted(linear.name(), linear.weightName(), linear.name()));
    }
    return linear;
  }

  /** Modules with a matrix that stays as it is: heads, embeddings, routers, excluded linears. */
  public List<String> unquantizedModules() {
    Set<String> quantizedNames = new HashSet<>();
    quantizedLinears().keySet().forEach(linear -> quantizedNames.add(linear.name()));
    List<String> names = new ArrayList<>();
    model
        .linears()
        .map(Linear::name)
        .filter(name -> !quantizedNames.contains(name))
        .forEach(names::add);
    for (Source source : sources()) {
      String tensor = source.name();
      boolean matrix = source.info().shape().rank() >= 2;
      String module = tensor.endsWith(WEIGHT) ? tensor.substring(0, tensor.length() - 7) : "";
      if (matrix && !module.isEmpty() && !quantizedNames.contains(module)) {
        names.add(module);
      }
    }
    return names.stream().distinct().toList();
  }

  /** {@link #unquantizedModules()} without the embedding, which no reader takes for a linear. */
  public List<String> unquantizedLinears() {
    String embedding = DecoderSpec.EMBEDDING.substring(0, DecoderSpec.EMBEDDING.length() - 7);
    return unquantizedModules().stream().filter(name -> !name.equals(embedding)).toList();
  }

  /**
   * Checks that something is quantized.
   *
   * @throws ConfigException if not
   */
  public static void requireSome(Collection<Linear> quantized, HfModel model) {
    if (quantized.isEmpty()) {
      throw new ConfigException(
          "no weight of " + model.name() + " is quantized; export it as plain");
    }
  }

  /** What to throw where a target has no form for a linear. */
  public static ConfigException misfit(
      String target, Linear linear, WeightQuantization weight, Optional<SpecTraits> input) {
    return new ConfigException(
        "%s: %s does not hold weight %s with input %s"
            .formatted(
                linear.name(),
                target,
                SpecNames.describe(weight.spec()),
                input.map(traits -> SpecNames.describe(traits.spec())).orElse("as it is")));
  }

  /**
   * A parameter of the model and where it comes from.
   *
   * @param info its name, its shape and the type that it is stored in; of a weight that is stored
   *     as codes in other tensors, the type of the model's unquantized parameters
   * @param linear the linear whose weight or bias it is
   */
  public record Source(TensorInfo info, Optional<Linear> linear) {
    /** Name of the parameter. */
    public String name() {
      return info.name();
    }

    /** Whether it is the weight of a linear. */
    public boolean isWeight() {
      return linear.isPresent() && name().equals(linear.get().weightName());
    }
  }

  /**
   * The parameters in the order in which the checkpoint stores them. Scales of a checkpoint that is
   * quantized already are not among them, nor are experts of a stack, but the stack is.
   */
  public List<Source> sources() {
    Map<String, Linear> biases = new HashMap<>();
    Map<String, List<Linear>> weights = new HashMap<>();
    model
        .linears()
        .forEach(linear -> {
          if (linear.weightName().equals(linear.name() + WEIGHT)
              && linear.role() != Linear.Role.STACKED_EXPERT) {
            for (String stored : model.weightTensors(linear)) {
              weights.computeIfAbsent(stored, key -> new ArrayList<>()).add(linear);
            }
          }
          if (linear.hasBias()) {
            biases.put(linear.biasName(), linear);
          }
        });
    boolean all = model.storedDecisions().isEmpty();
    Set<String> others = new HashSet<>();
    model.layers().forEach(layer -> others.addAll(layer.parameterNames()));
    others.add(DecoderSpec.EMBEDDING);
    model.slices().stream().map(TensorSlice::stack).forEach(others::add);
    Set<Linear> found = new HashSet<>();
    List<Source> sources = new ArrayList<>();
    for (TensorInfo tensor : model.tensors().tensors()) {
      List<Linear> own = weights.getOrDefault(tensor.name(), List.of());
      own.stream()
          .filter(found::add)
          .forEach(linear -> sources.add(new Source(weight(linear), Optional.of(linear))));
      Optional<Linear> biased = Optional.ofNullable(biases.get(tensor.name()));
      if (own.isEmpty() && (all || biased.isPresent() || others.contains(tensor.name()))) {
        sources.add(new Source(tensor, biased));
      }
    }
    return sources;
  }

  private TensorInfo weight(Linear linear) {
    Shape shape = Shape.of(linear.outFeatures(), linear.inFeatures());
    DType stored = model.tensors().find(linear.weightName()).map(TensorInfo::dtype).orElse(dtype());
    return new TensorInfo(linear.weightName(), stored, shape);
  }

  /** Type of the model's unquantized parameters. */
  public DType dtype() {
    return model.tensors().find(DecoderSpec.EMBEDDING).orElseThrow().dtype();
  }

  /** What happens to the input of {@code linear}, if anything. */
  public Optional<InputDecision> input(Linear linear) {
    return decisions().input(linear.name());
  }

  /**
   * Checks that a target which knows neither pre-quant scales nor rotations nor low-rank branches
   * is asked for none.
   *
   * @param target name for the message
   */
  public void requireNothingBeside(String target, Linear linear) {
    boolean beside =
        decisions().weight(linear.name()).flatMap(WeightDecision::branch).isPresent()
            || input(linear)
                .filter(i -> i.preScale().isPresent() || i.rotation().isPresent())
                .isPresent();
    if (beside) {
      throw new ConfigException(
          linear.name()
              + ": "
              + target
              + " has no place for a pre-quant scale, rotation or low-rank branch beside the codes;"
              + " choose an algorithm that folds them into other weights, or the export hf");
    }
  }
}
