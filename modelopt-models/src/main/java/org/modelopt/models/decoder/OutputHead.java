package org.modelopt.models.decoder;

import java.util.List;
import org.modelopt.compute.NormSpec;
import org.modelopt.model.InputGroup;
import org.modelopt.model.Layer;
import org.modelopt.model.LayerRun;
import org.modelopt.model.Linear;
import org.modelopt.tensor.Tensor;

/** The final norm and the linear that gives logits {@code [t, vocabulary]}. */
final class OutputHead implements Layer {
  static final String NORM = "model.norm.weight";
  private static final String NAME = "lm_head";

  private final NormSpec norm;
  private final DecoderSpec.Ends ends;
  private final InputGroup head;

  OutputHead(DecoderSpec spec) {
    this.norm = spec.norm();
    this.ends = spec.ends();
    String weight = spec.tiedHead() ? DecoderSpec.EMBEDDING : DecoderSpec.HEAD;
    this.head =
        InputGroup.of(
            new Linear(
                NAME, spec.vocabulary(), spec.hidden(), false, weight, Linear.Role.PROJECTION));
  }

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public List<InputGroup> inputGroups() {
    return List.of(head);
  }

  @Override
  public List<String> parameterNames() {
    return List.of(NORM);
  }

  @Override
  public Tensor forward(Tensor x, LayerRun run) {
    Tensor normalized = run.backend().rmsNorm(x, run.parameter(NORM), norm, run.scope());
    Tensor logits = run.linear(head, normalized);
    if (ends.logitScale() != 1) {
      logits = run.backend().scale(logits, (float) ends.logitScale(), run.scope());
    }
    return ends.logitCap() == 0
        ? logits
        : run.backend().softCap(logits, (float) ends.logitCap(), run.scope());
  }
}
