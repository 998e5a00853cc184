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
 * @param role what it does
 */
public record Linear(
    String name, long outFeatures, long inFeatures, boolean hasBias, String weightName, Role role) {
  /** What a linear does in its model. */
  public enum Role {
    /** Any linear that may be quantized. */
    ORDINARY,
    /** Chooses experts; small and sensitive, never quantized whatever a config says. */
    ROUTER
  }

  /** An ordinary linear. */
  public Linear(
      String name, long outFeatures, long inFeatures, boolean hasBias, String weightName) {
    this(name, outFeatures, inFeatures, hasBias, weightName, Role.ORDINARY);
  }

  /** A linear whose weight is {@code name.weight}. */
  public static Linear of(String name, long outFeatures, long inFeatures, boolean hasBias) {
    return new Linear(name, outFeatures, inFeatures, hasBias, name + ".weight");
  }

  /** A copy that chooses experts. */
  public Linear asRouter() {
    return new Linear(name, outFeatures, inFeatures, hasBias, weightName, Role.ROUTER);
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
