package org.modelopt.models.stored;

import java.lang.foreign.Arena;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import org.modelopt.decision.Decisions;
import org.modelopt.decision.InputDecision;
import org.modelopt.decision.LowRankBranch;
import org.modelopt.decision.Quantization;
import org.modelopt.decision.StoredTensor;
import org.modelopt.decision.WeightDecision;
import org.modelopt.error.CheckpointException;
import org.modelopt.model.CacheSite;
import org.modelopt.model.InputGroup;
import org.modelopt.model.Layer;
import org.modelopt.model.Linear;
import org.modelopt.models.decoder.DecoderLayers;
import org.modelopt.models.decoder.TensorSlice;
import org.modelopt.models.hf.HfConfig;
import org.modelopt.numeric.Granularity;
import org.modelopt.numeric.IntFormat;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.QuantizedTensor;
import org.modelopt.numeric.Scales;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;
import org.modelopt.tensor.TensorSource;

/** The quantization of a checkpoint that is quantized already. */
public final class StoredQuantization {
  private static final int TILE = 128;
  private static final String DOWN = "weight_quantizer._svdquant_lora_a";
  private static final String UP = "weight_quantizer._svdquant_lora_b";

  private final TensorSource source;
  private final HfConfig config;
  private final Map<String, StoredWeight> weights = new LinkedHashMap<>();
  private final Set<String> scaleNames = new LinkedHashSet<>();
  private final Decisions decisions;

  private StoredQuantization(HfConfig config, TensorSource source, DecoderLayers layers) {
    this.config = config;
    this.source = source;
    Map<String, TensorSlice> slices = new LinkedHashMap<>();
    layers.slices().forEach(slice -> slices.put(slice.name(), slice));
    for (Layer layer : layers.layers()) {
      for (InputGroup group : layer.inputGroups()) {
        for (Linear linear : group.linears()) {
          find(linear, Optional.ofNullable(slices.get(linear.weightName())))
              .ifPresent(stored -> weights.put(linear.name(), stored));
        }
      }
    }
    if (weights.isEmpty()) {
      throw new CheckpointException(
          "%s declares the quantization %s, but no linear is stored in a form that can be read;"
                  .formatted(config.file(), config.json().path("quantization_config"))
              + " start from the unquantized checkpoint");
    }
    this.decisions = decisions(layers.layers());
  }

  /**
   * The stored quantization of a checkpoint, if its config.json declares one.
   *
   * @throws CheckpointException if it declares one and no linear is stored in a known form
   */
  public static Optional<StoredQuantization> of(
      HfConfig config, TensorSource source, DecoderLayers layers) {
    return config.has("quantization_config")
        ? Optional.of(new StoredQuantization(config, source, layers))
        : Optional.empty();
  }

  private Optional<StoredWeight> find(Linear linear, Optional<TensorSlice> slice) {
    if (slice.isPresent() && source.find(slice.get().stack()).isEmpty()) {
      return StackedMxfp4.find(slice.get(), source);
    }
    if (!linear.weightName().equals(linear.name() + ".weight")) {
      return Optional.empty(); // a tied head
    }
    Fields fields = new Fields(source, linear.name());
    return IntegerForms.find(linear, fields, isSecondGptq())
        .or(() -> FloatForms.find(linear, fields, tile()));
  }

  private boolean isSecondGptq() {
    return config
        .json()
        .path("quantization_config")
        .path("checkpoint_format")
        .asString("")
        .equals("gptq_v2");
  }

  private Granularity.Block2d tile() {
    var sizes = config.json().path("quantization_config").path("weight_block_size");
    return new Granularity.Block2d(sizes.path(0).asInt(TILE), sizes.path(1).asInt(TILE));
  }

  /**
   * What {@code expected} becomes if quantized weights are stored otherwise: without those, which
   * this class has looked at itself.
   */
  public SequencedMap<String, Shape> withoutWeights(
      SequencedMap<String, Shape> expected, DecoderLayers layers) {
    SequencedMap<String, Shape> rest = new LinkedHashMap<>(expected);
    for (Layer layer : layers.layers()) {
      for (InputGroup group : layer.inputGroups()) {
        group.linears().stream()
            .filter(linear -> weights.containsKey(linear.name()))
            .forEach(linear -> rest.remove(linear.weightName()));
      }
    }
    weights.values().stream()
        .flatMap(weight -> weight.tensors().stream())
        .filter(name -> name.endsWith("_blocks"))
        .forEach(name -> rest.remove(name.substring(0, name.length() - "_blocks".length())));
    return rest;
  }

  /** Names of all tensors that belong to the quantization. */
  public Set<String> names() {
    Set<String> names = new LinkedHashSet<>(scaleNames);
    weights.values().forEach(weight -> names.addAll(weight.tensors()));
    return names;
  }

  /** Names of the tensors that the weight of {@code linear} is stored in; none if not as codes. */
  public Set<String> names(Linear linear) {
    StoredWeight weight = weights.get(linear.name());
    return weight == null ? Set.of() : weight.tensors();
  }

  /** Codes and scales of the weight of {@code linear}, if it is stored as codes. */
  public Optional<QuantizedTensor> codes(Linear linear, Arena arena) {
    return Optional.ofNullable(weights.get(linear.name()))
        .map(weight -> weight.reader().read(arena));
  }

  /** Inputs and caches that a forward pass has to quantize, and products beside weights. */
  public Decisions decisions() {
    return decisions;
  }

  private Decisions decisions(List<Layer> layers) {
    SequencedMap<String, WeightDecision> branches = new LinkedHashMap<>();
    SequencedMap<String, InputDecision> inputs = new LinkedHashMap<>();
    SequencedMap<String, Quantization> caches = new LinkedHashMap<>();
    for (Layer layer : layers) {
      for (InputGroup group : layer.inputGroups()) {
        for (Linear linear : group.linears()) {
          input(linear).ifPresent(found -> inputs.put(linear.name(), found));
          branch(linear)
              .ifPresent(found ->
                  branches.put(
                      linear.name(),
                      new WeightDecision(List.of(), Optional.empty(), Optional.of(found))));
          if (second(linear).isPresent()) {
            scaleNames.add(linear.name() + ".weight_scale_2");
          }
        }
      }
      for (CacheSite site : layer.cacheSites()) {
        String suffix = site.kind() == CacheSite.Kind.KEY ? "k_scale" : "v_scale";
        // ModelOpt names it after the projection, compressed-tensors after the attention module.
        String attention = site.name().substring(0, site.name().lastIndexOf('.'));
        for (String module : List.of(site.name(), attention)) {
          Fields fields = new Fields(source, module);
          if (fields.find(suffix).isPresent()) {
            scaleNames.add(fields.name(suffix));
            caches.put(
                site.name(),
                Quantization.of(QuantSpec.FP8, Scales.of(scalar(fields.scalar(suffix)))));
          }
        }
      }
    }
    return new Decisions(branches, inputs, caches, new LinkedHashMap<>());
  }

  private Optional<InputDecision> input(Linear linear) {
    StoredWeight weight = weights.get(linear.name());
    if (weight == null) {
      return Optional.empty();
    }
    Fields fields = new Fields(source, linear.name());
    Optional<Tensor> factors = factors(linear, fields);
    Optional<Quantization> quantization = quantization(weight, fields);
    return factors.isEmpty() && quantization.isEmpty()
        ? Optional.empty()
        : Optional.of(new InputDecision(factors, Optional.empty(), quantization));
  }

  /** Factors of the input's channels, unless they are all one. */
  private Optional<Tensor> factors(Linear linear, Fields fields) {
    Optional<TensorInfo> stored = fields.find("pre_quant_scale");
    if (stored.isEmpty()) {
      return Optional.empty();
    }
    scaleNames.add(stored.get().name());
    if (!stored.get().dtype().isWideFloat()
        || stored.get().shape().elements() != linear.inFeatures()) {
      throw new CheckpointException(
          "%s is %s %s, not %d floats"
              .formatted(
                  stored.get().name(),
                  stored.get().dtype(),
                  stored.get().shape(),
                  linear.inFeatures()));
    }
    Arena kept = Arena.ofAuto();
    Tensor factors = fields.open("pre_quant_scale", kept);
    for (float factor : factors.toFloats()) {
      if (factor != 1) {
        return Optional.of(factors.reshape(Shape.of(linear.inFeatures())));
      }
    }
    return Optional.empty();
  }

  private Optional<Quantization> quantization(StoredWeight weight, Fields fields) {
    Optional<String> stored =
        List.of("input_scale", "input_global_scale").stream()
            .filter(field -> fields.find(field).isPresent())
            .findFirst();
    if (stored.isEmpty()) {
      return InputForm.dynamic(config, weight.spec())
          .map(spec -> Quantization.of(spec, Scales.dynamic(1)));
    }
    scaleNames.add(fields.name(stored.get()));
    float scale = fields.scalar(stored.get());
    if (weight.spec().equals(QuantSpec.NVFP4)) {
      float global = stored.get().equals("input_scale") ? scale : 1 / scale;
      return Optional.of(Quantization.of(QuantSpec.NVFP4.asDynamic(), Scales.dynamic(global)));
    }
    // INT8 beside INT8; FP8 beside everything else: FP8, INT4, FP4 in blocks of 32.
    QuantSpec spec = weight.spec().format().equals(IntFormat.INT8) ? QuantSpec.INT8 : QuantSpec.FP8;
    return Optional.of(Quantization.of(spec, Scales.of(scalar(scale))));
  }

  /**
   * A second quantization of what the codes of {@code linear} stand for, if one is stored: integers
   * that are computed in FP8.
   */
  public Optional<Quantization> second(Linear linear) {
    StoredWeight weight = weights.get(linear.name());
    Fields fields = new Fields(source, linear.name());
    return weight != null
            && weight.spec().format().equals(IntFormat.INT4)
            && fields.find("weight_scale_2").isPresent()
        ? Optional.of(
            Quantization.of(QuantSpec.FP8, Scales.of(scalar(fields.scalar("weight_scale_2")))))
        : Optional.empty();
  }

  /** The product of low rank beside the codes, if there is one. */
  private Optional<LowRankBranch> branch(Linear linear) {
    Fields fields = new Fields(source, linear.name());
    if (fields.find(DOWN).isEmpty() || fields.find(UP).isEmpty()) {
      return Optional.empty();
    }
    scaleNames.add(fields.name(DOWN));
    scaleNames.add(fields.name(UP));
    Arena kept = Arena.ofAuto();
    return Optional.of(
        new LowRankBranch(
            StoredTensor.of(fields.open(DOWN, kept)), StoredTensor.of(fields.open(UP, kept))));
  }

  private static Tensor scalar(float value) {
    return Tensor.ofFloats(Arena.ofAuto(), Shape.scalar(), value);
  }
}
