package org.modelopt.statistics;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Predicate;
import org.modelopt.compute.Backend;
import org.modelopt.model.CacheSite;
import org.modelopt.model.InputGroup;
import org.modelopt.tensor.Tensor;

/**
 * Gathers {@link Statistics} of the sites that were asked for, by the name of the input group or
 * {@link CacheSite#statisticsName()}. Tensors must come in sample order.
 */
public final class StatisticsObserver implements Observer {
  private final Backend backend;
  private final Predicate<String> wanted;
  private final Map<String, Statistics> seen = new LinkedHashMap<>();

  /**
   * An observer that has seen nothing.
   *
   * @param backend where the tensors are
   * @param wanted which input groups and cache sites to look at
   */
  public StatisticsObserver(Backend backend, Predicate<String> wanted) {
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
    if (wanted.test(name)) {
      seen.merge(name, Statistics.of(backend.summarize(x)), Statistics::merge);
    }
  }

  /** What was seen so far, by name, in the order in which sites were first seen. */
  public Map<String, Statistics> statistics() {
    return Collections.unmodifiableMap(seen);
  }
}
