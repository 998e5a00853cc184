package org.modelopt.statistics;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Predicate;
import org.modelopt.compute.Backend;
import org.modelopt.compute.ChannelObserver;
import org.modelopt.model.CacheSite;
import org.modelopt.model.InputGroup;
import org.modelopt.tensor.Tensor;

/**
 * Gathers {@link Statistics} of the sites that were asked for, by the name of the input group or
 * {@link CacheSite#statisticsName()}. Tensors must come in sample order. Figures stay on the device
 * until they are asked for; closing gives its memory back.
 */
public final class StatisticsObserver implements Observer, AutoCloseable {
  private final Backend backend;
  private final Predicate<String> wanted;
  private final Map<String, ChannelObserver> seen = new LinkedHashMap<>();

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
      int channels = Math.toIntExact(x.shape().columns());
      seen.computeIfAbsent(name, key -> backend.observeChannels(channels)).add(x);
    }
  }

  /** What was seen so far, by name, in the order in which sites were first seen. */
  public Map<String, Statistics> statistics() {
    Map<String, Statistics> statistics = new LinkedHashMap<>();
    seen.forEach((name, observer) -> statistics.put(name, Statistics.of(observer.summary())));
    return Collections.unmodifiableMap(statistics);
  }

  @Override
  public void close() {
    seen.values().forEach(ChannelObserver::close);
    seen.clear();
  }
}
