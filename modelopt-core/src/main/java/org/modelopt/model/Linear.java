package org.modelopt.model;

/**
 * A linear {@code y = x wᵀ + b} of a model.
 *
 * @param name full module name, for example {@code model.layers.0.self_attn.q_proj}
 * @param outFeatures rows of the weight
 * @param inFeatures columns of the weight
 * @param hasBias whether there is a bias {@code [outFeatures]}
 * @param weightName name of the weight's tensor in the model's source, usually {@code name +
 *     ".weight"}; the embedding's for a tied output head
 */
public record Linear(
    String name, long outFeatures, long inFeatures, boolean hasBias, String weightName) {
  /** A linear whose weight is {@code name.weight}. */
  public static Linear of(String name, long outFeatures, long inFeatures, boolean hasBias) {
    return new Linear(name, outFeatures, inFeatures, hasBias, name + ".weight");
  }

  /** Name of the bias' tensor. */
  public String biasName() {
    return name + ".bias";
  }

  /** Number of elements of the weight. */
  public long elements() {
    return Math.multiplyExact(outFeatures, inFeatures);
  }
}
