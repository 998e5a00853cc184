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
import org.modelopt.decision.Quantization;
import org.modelopt.error.CheckpointException;
import org.modelopt.model.CacheSite;
import org.modelopt.model.InputGroup;
import org.modelopt.model.Layer;
import org.modelopt.model.Linear;
import org.modelopt.models.decoder.DecoderLayers;
import org.modelopt.models.decoder.TensorSlice;
import org.modelopt.models.hf.HfConfig;
import org.modelopt.numeric.Granularity;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.QuantizedTensor;
import org.modelopt.numeric.ScaleFormat;
import org.modelopt.numeric.Scales;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorSource;

/** The quantization of a checkpoint that is quantized already. */
public final class StoredQuantization {
  private static final int TILE = 128;

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
    return IntegerForms.find(linear, fields).or(() -> FloatForms.find(linear, fields, tile()));
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

  /** Codes and scales of the weight of {@code linear}, if it is stored as codes. */
  public Optional<QuantizedTensor> codes(Linear linear, Arena arena) {
    return Optional.ofNullable(weights.get(linear.name()))
        .map(weight -> weight.reader().read(arena));
  }

  /** Inputs and caches that a forward pass has to quantize. */
  public Decisions decisions() {
    return decisions;
  }

  private Decisions decisions(List<Layer> layers) {
    SequencedMap<String, InputDecision> inputs = new LinkedHashMap<>();
    SequencedMap<String, Quantization> caches = new LinkedHashMap<>();
    for (Layer layer : layers) {
      for (InputGroup group : layer.inputGroups()) {
        for (Linear linear : group.linears()) {
          input(linear).ifPresent(found -> inputs.put(linear.name(), InputDecision.of(found)));
        }
      }
      for (CacheSite site : layer.cacheSites()) {
        String suffix = site.kind() == CacheSite.Kind.KEY ? "k_scale" : "v_scale";
        Fields fields = new Fields(source, site.name());
        if (fields.find(suffix).isPresent()) {
          scaleNames.add(fields.name(suffix));
          caches.put(
              site.name(),
              Quantization.of(QuantSpec.FP8, Scales.of(scalar(fields.scalar(suffix)))));
        }
      }
    }
    return new Decisions(new LinkedHashMap<>(), inputs, caches, new LinkedHashMap<>());
  }

  private Optional<Quantization> input(Linear linear) {
    StoredWeight weight = weights.get(linear.name());
    if (weight == null) {
      return Optional.empty();
    }
    Fields fields = new Fields(source, linear.name());
    Optional<String> stored =
        List.of("input_scale", "input_global_scale").stream()
            .filter(field -> fields.find(field).isPresent())
            .findFirst();
    if (fields.find("pre_quant_scale").isPresent()) {
      throw new CheckpointException(
          fields.name("pre_quant_scale")
              + " scales an input, which this reader does not know; start from the unquantized"
              + " checkpoint");
    }
    if (stored.isEmpty()) {
      return InputForm.dynamic(config, weight.spec())
          .map(spec -> Quantization.of(spec, Scales.dynamic(1)));
    }
    scaleNames.add(fields.name(stored.get()));
    float scale = fields.scalar(stored.get());
    if (weight.spec().scaleFormat() == ScaleFormat.E4M3_WITH_GLOBAL_F32) {
      float global = stored.get().equals("input_scale") ? scale : 1 / scale;
      return Optional.of(Quantization.of(QuantSpec.NVFP4.asDynamic(), Scales.dynamic(global)));
    }
    QuantSpec spec =
        weight.spec().withGranularity(Granularity.perTensor()); // FP8 beside FP8, INT8 beside INT8
    return Optional.of(Quantization.of(spec, Scales.of(scalar(scale))));
  }

  private static Tensor scalar(float value) {
    return Tensor.ofFloats(Arena.ofAuto(), Shape.scalar(), value);
  }
}
