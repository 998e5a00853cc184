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
 * @param role what it is for
 */
public record Linear(
    String name, long outFeatures, long inFeatures, boolean hasBias, String weightName, Role role) {
  /** What a linear is for. */
  public enum Role {
    /** A projection, or any linear that may be quantized. */
    PROJECTION,
    /** A projection of one expert of a mixture: it sees only the tokens sent to it. */
    EXPERT,
    /**
     * A projection of an expert that checkpoints store and servers load stacked with those of all
     * other experts. Readers take it in MXFP4 beside an unquantized input; a config that asks for
     * anything else leaves it as it is.
     */
    STACKED_EXPERT,
    /** Chooses experts: small, sensitive, and read unquantized by every server. */
    ROUTER;

    /** Whether a config's patterns apply to it. */
    public boolean isQuantizable() {
      return this != ROUTER;
    }

    /** Whether it sees only the tokens sent to it. */
    public boolean isExpert() {
      return this == EXPERT || this == STACKED_EXPERT;
    }
  }

  /** A linear whose weight is {@code name.weight}. */
  public static Linear of(String name, long outFeatures, long inFeatures, boolean hasBias) {
    return new Linear(name, outFeatures, inFeatures, hasBias, name + ".weight", Role.PROJECTION);
  }

  /** A copy for another purpose. */
  public Linear withRole(Role newRole) {
    return new Linear(name, outFeatures, inFeatures, hasBias, weightName, newRole);
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
