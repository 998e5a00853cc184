package org.modelopt.models.evaluation;

/**
 * What speculative decoding may gain: a draft model proposes tokens, its target checks them all in
 * one pass. An estimate from single positions: that acceptances are independent is assumed by the
 * formulas (Leviathan et al. 2023, "Fast Inference from Transformers via Speculative Decoding",
 * section 3), and true of text only nearly.
 *
 * @param sampling share of the draft's tokens that are accepted when both models sample
 * @param greedy share accepted when both take the likeliest token
 */
public record Speculation(double sampling, double greedy) {
  /** From the divergence of the draft from its target over text of the kind to be served. */
  public static Speculation of(Divergence divergence) {
    return new Speculation(divergence.overlap(), divergence.topAgreement());
  }

  /**
   * Tokens that one pass of the target yields in the mean, {@code (1 - a^(n+1)) / (1 - a)}.
   *
   * @param acceptance share of tokens accepted, 0 to 1
   * @param drafted tokens proposed for each pass, at least 1
   */
  public static double tokensPerPass(double acceptance, int drafted) {
    if (!(acceptance >= 0 && acceptance <= 1) || drafted < 1) {
      throw new IllegalArgumentException(
          "acceptance must be 0 to 1 and drafted at least 1, not %s and %d"
              .formatted(acceptance, drafted));
    }
    double sum = 0;
    double power = 1;
    for (int i = 0; i <= drafted; i++) {
      sum += power;
      power *= acceptance;
    }
    return sum;
  }

  /**
   * How many times faster than the target alone: {@code tokensPerPass / (drafted * cost + 1)}.
   *
   * @param acceptance share of tokens accepted, 0 to 1
   * @param drafted tokens proposed for each pass
   * @param cost time of a pass of the draft as a share of one of the target
   */
  public static double speedup(double acceptance, int drafted, double cost) {
    return tokensPerPass(acceptance, drafted) / (drafted * cost + 1);
  }
}
