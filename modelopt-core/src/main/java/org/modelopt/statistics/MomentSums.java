package org.modelopt.statistics;

import java.util.ArrayList;
import java.util.List;
import org.modelopt.compute.Product;
import org.modelopt.compute.Scope;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * A second moment while tokens are added: they are gathered on the device and multiplied many at a
 * time, as many whatever the samples, and the sums stay on the device, panel by panel, until {@link
 * #finish}.
 */
final class MomentSums implements AutoCloseable {
  private static final int GATHERED_ELEMENTS = 1 << 25;

  private final Product product;
  private final int channels;
  private final Scope scope;
  private final Tensor rows; // [capacity, channels]
  private final List<Scope> scopes = new ArrayList<>();
  private final List<Tensor> panels = new ArrayList<>();
  private long waiting;
  private boolean begun;

  MomentSums(Product product, DType dtype, int channels) {
    this.product = product;
    this.channels = channels;
    this.scope = product.openScope();
    int capacity = Math.clamp(GATHERED_ELEMENTS / Math.max(1, channels), 64, 2048);
    this.rows = scope.allocate(dtype, Shape.of(capacity, channels));
  }

  DType dtype() {
    return rows.dtype();
  }

  /** Adds rows {@code [t, channels]} of the type and on the device. */
  void add(Tensor x) {
    for (long t = 0; t < x.shape().rows(); ) {
      long step = Math.min(x.shape().rows() - t, rows.shape().rows() - waiting);
      product.copyRows(x.rows(t, t + step), rows, waiting);
      waiting += step;
      t += step;
      if (waiting == rows.shape().rows()) {
        multiply();
      }
    }
  }

  private void multiply() {
    int panel = 0;
    for (int from = 0; from < channels; from += SecondMoment.PANEL) {
      if (!begun) {
        Scope owner = product.openScope();
        scopes.add(owner);
        panels.add(owner.allocate(DType.F32, SecondMoment.panelShape(channels, from)));
      }
      int to = Math.min(channels, from + SecondMoment.PANEL);
      product.gram(rows.rows(0, waiting), from, to, begun, panels.get(panel));
      panel++;
    }
    begun = true;
    waiting = 0;
  }

  /** Takes the sums of a panel. */
  interface Taker {
    /** {@code sum} is on the host and lives for the call. */
    void take(int panel, Tensor sum);
  }

  /** Multiplies the tokens that wait and hands the sums over, if there were tokens. */
  void finish(Taker taker) {
    if (waiting > 0) {
      multiply();
    }
    for (int panel = 0; panel < panels.size(); panel++) {
      try (Scope owner = scopes.get(panel)) {
        taker.take(panel, product.toHost(panels.get(panel), owner));
      }
    }
    scopes.clear();
  }

  @Override
  public void close() {
    scopes.forEach(Scope::close);
    scope.close();
  }
}
