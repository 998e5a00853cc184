package org.modelopt.model;

/**
 * A tensor that inference keeps between steps and may store quantized: keys or values of attention.
 *
 * @param name full name of the module that makes it, for example {@code
 *     model.layers.0.self_attn.k_proj}
 * @param kind keys or values
 * @param channels columns of the tensor {@code [tokens, channels]}
 */
public record CacheSite(String name, Kind kind, long channels) {
  /** What is kept. */
  public enum Kind {
    /** Attention keys, after rotary embedding. */
    KEY,
    /** Attention values. */
    VALUE
  }

  /** Name under which statistics of this site are kept; differs from that of any input group. */
  public String statisticsName() {
    return name + ".cache";
  }
}
