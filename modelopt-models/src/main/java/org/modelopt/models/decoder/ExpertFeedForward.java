package org.modelopt.models.decoder;

import java.util.Optional;
import org.modelopt.compute.Activation;

/**
 * Mixture of experts: a router sends each token to a few of many gated feed-forwards, whose results
 * are weighed and added.
 *
 * @param names names of modules
 * @param experts number of experts
 * @param each experts that a token is sent to
 * @param size channels between gate and down of an expert
 * @param activation non-linearity of the gates
 * @param bias whether router and experts have biases
 * @param routing how experts are chosen and weighed
 * @param shared an expert that sees all tokens
 * @param stacked how weights of all experts are stored in one tensor, if they are
 */
public record ExpertFeedForward(
    Names names,
    int experts,
    int each,
    int size,
    Activation activation,
    boolean bias,
    Routing routing,
    Optional<Shared> shared,
    Optional<StackedExperts> stacked)
    implements FeedForward {
  /**
   * Names of modules.
   *
   * @param module the mixture within the block
   * @param router the router within the mixture
   * @param gate the gate within an expert
   * @param up what the gate is multiplied with
   * @param down the last linear of an expert
   */
  public record Names(String module, String router, String gate, String up, String down) {
    /** Qwen and DeepSeek: {@code mlp.gate}, {@code mlp.experts.0.gate_proj}. */
    public static final Names MLP = of("mlp", "gate");

    /** Projections called as in a dense block. */
    public static Names of(String module, String router) {
      return new Names(module, router, "gate_proj", "up_proj", "down_proj");
    }
  }

  /**
   * An expert that sees all tokens.
   *
   * @param name its module within the mixture
   * @param size channels between its gate and down
   * @param gate name of a linear {@code [1, hidden]} within the mixture, the sigmoid of whose
   *     result the expert's is multiplied with
   */
  public record Shared(String name, int size, Optional<String> gate) {}

  /** Checks the counts. */
  public ExpertFeedForward {
    if (each < 1 || each > experts) {
      throw new IllegalArgumentException(
          "a token cannot be sent to %d of %d experts".formatted(each, experts));
    }
  }
}
