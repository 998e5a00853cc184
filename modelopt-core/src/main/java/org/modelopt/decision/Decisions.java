package org.modelopt.decision;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Optional;
import java.util.SequencedMap;

/**
 * Everything that was decided for a model, in order of execution. What does not appear stays as it
 * is.
 *
 * @param weights by name of the linear
 * @param inputs by name of the linear that reads the input; members of an input group share values
 * @param caches by name of the cache site
 */
public record Decisions(
    SequencedMap<String, Quantization> weights,
    SequencedMap<String, Quantization> inputs,
    SequencedMap<String, Quantization> caches) {
  /** No quantization at all. */
  public static final Decisions NONE =
      new Decisions(new LinkedHashMap<>(), new LinkedHashMap<>(), new LinkedHashMap<>());

  /** Copies the maps, keeping their order. */
  public Decisions {
    weights = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(weights));
    inputs = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(inputs));
    caches = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(caches));
  }

  /** Quantization of the weight of the linear called {@code name}, if any. */
  public Optional<Quantization> weight(String name) {
    return Optional.ofNullable(weights.get(name));
  }

  /** Quantization of the input of the linear called {@code name}, if any. */
  public Optional<Quantization> input(String name) {
    return Optional.ofNullable(inputs.get(name));
  }

  /** Quantization of the cache site called {@code name}, if any. */
  public Optional<Quantization> cache(String name) {
    return Optional.ofNullable(caches.get(name));
  }
}
