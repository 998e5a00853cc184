package org.modelopt.models.hf;

import java.lang.foreign.Arena;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import java.util.stream.Collectors;
import org.modelopt.decision.Decisions;
import org.modelopt.decision.InputDecision;
import org.modelopt.decision.Quantization;
import org.modelopt.error.CheckpointException;
import org.modelopt.model.CacheSite;
import org.modelopt.model.InputGroup;
import org.modelopt.model.Layer;
import org.modelopt.model.Linear;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.QuantizedTensor;
import org.modelopt.numeric.Scales;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;
import org.modelopt.tensor.TensorSource;
import tools.jackson.databind.JsonNode;

/**
 * The FP8 weights, input scales and KV-cache scales of a checkpoint with ModelOpt's metadata:
 * {@code weight} F8_E4M3, {@code weight_scale}, {@code input_scale}, {@code k_scale} and {@code
 * v_scale} F32 of one element.
 */
public final class StoredFp8 {
  private static final List<String> SCALE_SUFFIXES =
      List.of(".weight_scale", ".input_scale", ".k_scale", ".v_scale");

  private final TensorSource source;

  private StoredFp8(TensorSource source) {
    this.source = source;
  }

  /**
   * The stored quantization of a checkpoint, if its config.json declares one.
   *
   * @throws CheckpointException if it is of another kind than ModelOpt FP8
   */
  public static Optional<StoredFp8> of(HfConfig config, TensorSource source) {
    if (!config.has("quantization_config")) {
      return Optional.empty();
    }
    JsonNode declared = config.json().path("quantization_config");
    String method = declared.path("quant_method").asString("");
    String algorithm = declared.path("quant_algo").asString("");
    if (!method.equals("modelopt") || !algorithm.equals("FP8")) {
      throw new CheckpointException(
          "%s: the checkpoint is quantized by method \"%s\", algorithm \"%s\"; of quantized ones only \"modelopt\" with \"FP8\" can be read, start from the unquantized one"
              .formatted(config.file(), method, algorithm));
    }
    return Optional.of(new StoredFp8(source));
  }

  /** Names of the tensors that hold codes. */
  public Set<String> codeNames() {
    return source.tensors().stream()
        .filter(info -> info.dtype() == DType.F8_E4M3)
        .map(TensorInfo::name)
        .collect(Collectors.toSet());
  }

  /** Names of the tensors that hold scales. */
  public Set<String> scaleNames() {
    return source.tensors().stream()
        .map(TensorInfo::name)
        .filter(name -> SCALE_SUFFIXES.stream().anyMatch(name::endsWith))
        .collect(Collectors.toSet());
  }

  /** Codes and scale of the weight of {@code linear}, if it is stored as codes. */
  public Optional<QuantizedTensor> codes(Linear linear, Arena arena) {
    boolean quantized =
        source.find(linear.weightName()).filter(info -> info.dtype() == DType.F8_E4M3).isPresent();
    if (!quantized) {
      return Optional.empty();
    }
    Tensor codes = source.open(linear.weightName(), arena);
    Scales scales = Scales.of(scale(linear.name() + ".weight_scale"));
    return Optional.of(new QuantizedTensor(QuantSpec.FP8, codes.shape(), codes, scales));
  }

  /** Inputs and caches that a forward pass has to quantize. */
  public Decisions decisions(List<Layer> layers) {
    SequencedMap<String, InputDecision> inputs = new LinkedHashMap<>();
    SequencedMap<String, Quantization> caches = new LinkedHashMap<>();
    for (Layer layer : layers) {
      for (InputGroup group : layer.inputGroups()) {
        for (Linear linear : group.linears()) {
          find(linear.name() + ".input_scale")
              .ifPresent(found -> inputs.put(linear.name(), InputDecision.of(found)));
        }
      }
      for (CacheSite site : layer.cacheSites()) {
        String suffix =
            switch (site.kind()) {
              case KEY -> ".k_scale";
              case VALUE -> ".v_scale";
            };
        find(site.name() + suffix).ifPresent(found -> caches.put(site.name(), found));
      }
    }
    return new Decisions(new LinkedHashMap<>(), inputs, caches, new LinkedHashMap<>());
  }

  private Optional<Quantization> find(String scale) {
    return source.find(scale).isPresent()
        ? Optional.of(Quantization.of(QuantSpec.FP8, Scales.of(scale(scale))))
        : Optional.empty();
  }

  private Tensor scale(String name) {
    TensorInfo info =
        source
            .find(name)
            .orElseThrow(() ->
                new CheckpointException(
                    name + " is missing; without it the codes beside it mean nothing"));
    if (info.dtype() != DType.F32 || info.shape().elements() != 1) {
      throw new CheckpointException(
          "%s is %s %s, not one F32 value".formatted(name, info.dtype(), info.shape()));
    }
    try (Arena arena = Arena.ofConfined()) {
      float value = source.open(name, arena).getFloat(0);
      if (!(value > 0) || value == Float.POSITIVE_INFINITY) {
        throw new CheckpointException(name + " is " + value + "; a scale is positive and finite");
      }
      return Tensor.ofFloats(Arena.ofAuto(), Shape.scalar(), value);
    }
  }
}
