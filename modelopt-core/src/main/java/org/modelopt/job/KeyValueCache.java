package org.modelopt.job;

import java.util.HashMap;
import java.util.Map;
import org.modelopt.compute.Backend;
import org.modelopt.compute.Scope;
import org.modelopt.model.CacheSite;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** Keys and values of one sequence in all layers. */
final class KeyValueCache implements AutoCloseable {
  private final Backend backend;
  private final int capacity;
  private final Scope scope;
  private final Map<CacheSite, Tensor> sites = new HashMap<>();
  private int tokens;

  /** An empty cache for at most {@code capacity} tokens. */
  KeyValueCache(Backend backend, int capacity) {
    this.backend = backend;
    this.capacity = capacity;
    this.scope = backend.openScope();
  }

  /** Tokens that have gone through all layers. */
  int tokens() {
    return tokens;
  }

  int capacity() {
    return capacity;
  }

  /** Puts rows of new tokens behind those of the others and returns all. */
  Tensor append(CacheSite site, Tensor rows) {
    Tensor all =
        sites.computeIfAbsent(
            site, key -> scope.allocate(rows.dtype(), Shape.of(capacity, rows.shape().dim(1))));
    backend.copyRows(rows, all, tokens);
    return all.rows(0, tokens + rows.shape().dim(0));
  }

  /** So many more tokens have gone through all layers. */
  void advance(int count) {
    tokens += count;
  }

  @Override
  public void close() {
    scope.close();
  }
}
