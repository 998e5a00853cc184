package org.modelopt.models.decoder;

import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.modelopt.model.InputGroup;
import org.modelopt.model.LayerRun;
import org.modelopt.model.Linear;
import org.modelopt.model.Producer;
import org.modelopt.tensor.Tensor;

/** A feed-forward as {@link GatedFeedForward} describes it. */
final class GatedBranch implements Branch {
  private final GatedFeedForward feedForward;
  private final InputGroup gateUp;
  private final InputGroup down;

  GatedBranch(
      String layer, GatedFeedForward feedForward, int hidden, Optional<Producer> inputNorm) {
    this.feedForward = feedForward;
    String mlp = layer + "." + feedForward.module() + ".";
    int size = feedForward.size();
    boolean bias = feedForward.bias();
    InputGroup inputs =
        feedForward.fused()
            ? InputGroup.of(Linear.of(mlp + "gate_up_proj", 2L * size, hidden, bias))
            : new InputGroup(
                mlp + "gate_up",
                List.of(
                    Linear.of(mlp + "gate_proj", size, hidden, bias),
                    Linear.of(mlp + "up_proj", size, hidden, bias)));
    this.gateUp = Branch.produced(inputs, inputNorm);
    InputGroup products = InputGroup.of(Linear.of(mlp + "down_proj", hidden, size, bias));
    this.down =
        feedForward.fused() || !feedForward.activation().isLinearInUp()
            ? products
            : products.producedBy(Producer.Rows.of(inputs.linears().getLast()));
  }

  @Override
  public List<InputGroup> inputGroups() {
    return List.of(gateUp, down);
  }

  @Override
  public Tensor forward(Tensor x, LayerRun run) {
    List<Tensor> products = run.linears(gateUp, x);
    Tensor gate = products.getFirst();
    Tensor up = products.getLast();
    if (feedForward.fused()) {
      gate = half(products.getFirst(), 0, run);
      up = half(products.getFirst(), feedForward.size(), run);
    }
    Tensor gated = run.backend().gated(feedForward.activation(), gate, up, run.scope());
    return run.linear(down, gated);
  }

  private Tensor half(Tensor both, int from, LayerRun run) {
    int[] columns = IntStream.range(from, from + feedForward.size()).toArray();
    return run.backend().columns(List.of(both), columns, run.scope());
  }
}
