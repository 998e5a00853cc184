package org.modelopt.decision;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import org.modelopt.transform.Change;

/**
 * Everything that was decided for a model, in order of execution. What does not appear stays as it
 * is.
 *
 * @param weights by name of the linear; a linear may be changed without being quantized
 * @param inputs by name of the linear that reads the input; members of an input group that are
 *     treated alike share one value
 * @param caches by name of the cache site
 * @param parameters changes of other parameters, by tensor name
 */
public record Decisions(
    SequencedMap<String, WeightDecision> weights,
    SequencedMap<String, InputDecision> inputs,
    SequencedMap<String, Quantization> caches,
    SequencedMap<String, List<Change>> parameters) {
  /** No quantization at all. */
  public static final Decisions NONE =
      new Decisions(
          new LinkedHashMap<>(),
          new LinkedHashMap<>(),
          new LinkedHashMap<>(),
          new LinkedHashMap<>());

  /** Copies the maps, keeping their order. */
  public Decisions {
    weights = copy(weights);
    inputs = copy(inputs);
    caches = copy(caches);
    parameters = copy(parameters);
  }

  private static <T> SequencedMap<String, T> copy(Map<String, T> map) {
    return Collections.unmodifiableSequencedMap(new LinkedHashMap<>(map));
  }

  /** What becomes of the weight of the linear called {@code name}, if it does not stay. */
  public Optional<WeightDecision> weight(String name) {
    return Optional.ofNullable(weights.get(name));
  }

  /** Quantization of the weight of the linear called {@code name}, if any. */
  public Optional<WeightQuantization> weightQuantization(String name) {
    return weight(name).flatMap(WeightDecision::quantization);
  }

  /** What happens to the input of the linear called {@code name}, if anything. */
  public Optional<InputDecision> input(String name) {
    return Optional.ofNullable(inputs.get(name));
  }

  /** Quantization of the input of the linear called {@code name}, if any. */
  public Optional<Quantization> inputQuantization(String name) {
    return input(name).flatMap(InputDecision::quantization);
  }

  /** Quantization of the cache site called {@code name}, if any. */
  public Optional<Quantization> cache(String name) {
    return Optional.ofNullable(caches.get(name));
  }

  /** Changes of the parameter whose stored tensor is called {@code name}; usually none. */
  public List<Change> changes(String name) {
    return parameters.getOrDefault(name, List.of());
  }
}
