package org.modelopt.statistics;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.modelopt.compute.Backend;
import org.modelopt.model.CacheSite;
import org.modelopt.model.InputGroup;
import org.modelopt.tensor.Tensor;

/**
 * Gathers what was asked for of each site, by the name of the input group or {@link
 * CacheSite#statisticsName()}. Tensors must come in sample order. Closing gives memory back.
 */
public final class StatisticsObserver implements Observer, AutoCloseable {
  private final Backend backend;
  private final Function<String, Optional<Seen.Wanted>> wanted;
  private final Map<String, Seen> seen = new LinkedHashMap<>();

  /**
   * An observer that has seen nothing.
   *
   * @param backend where the tensors are
   * @param wanted what to gather of an input group or cache site; empty for nothing
   */
  public StatisticsObserver(Backend backend, Function<String, Optional<Seen.Wanted>> wanted) {
    this.backend = backend;
    this.wanted = wanted;
  }

  @Override
  public void input(InputGroup group, Tensor x) {
    add(group.name(), x);
  }

  @Override
  public void cache(CacheSite site, Tensor x) {
    add(site.statisticsName(), x);
  }

  private void add(String name, Tensor x) {
    wanted
        .apply(name)
        .ifPresent(what ->
            seen.computeIfAbsent(
                    name, key -> new Seen(Math.toIntExact(x.shape().columns()), what, backend))
                .add(x, backend));
  }

  /** What was seen, by name, in the order in which sites were first seen; all of it counts now. */
  public Map<String, Seen> seen() {
    seen.values().forEach(site -> site.finish(backend));
    return Collections.unmodifiableMap(seen);
  }

  @Override
  public void close() {
    seen.values().forEach(Seen::close);
  }
}
