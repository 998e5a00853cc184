package org.modelopt.job;

/** Progress of one layer as part of all layers, in samples times layers. */
public final class LayerTicks implements Activations.Tick {
  private final Progress.Listener listener;
  private final String phase;
  private final String detail;
  private final long total;
  private long done;

  /**
   * Ticks of layer {@code index} of {@code layers} with {@code samples} samples each.
   *
   * @param detail the layer's name
   */
  public LayerTicks(
      Progress.Listener listener,
      String phase,
      String detail,
      long samples,
      int index,
      int layers) {
    this.listener = listener;
    this.phase = phase;
    this.detail = detail;
    this.total = samples * layers;
    this.done = samples * index;
  }

  @Override
  public void tick() {
    done++;
    listener.update(new Progress(phase, done, total, "samples", detail));
  }
}
