package org.modelopt.models.decoder;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.stream.IntStream;
import org.modelopt.compute.Backend;
import org.modelopt.model.InputGroup;
import org.modelopt.model.LayerRun;
import org.modelopt.model.Linear;
import org.modelopt.model.Producer;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * A mixture of experts as {@link ExpertFeedForward} describes it. Each expert reads only the rows
 * of the tokens sent to it, so its statistics are those of these tokens. An expert that gets none
 * does not run.
 */
final class ExpertBranch implements Branch {
  private record Expert(InputGroup gateUp, InputGroup down) {}

  private final ExpertFeedForward mixture;
  private final int hidden;
  private final String module;
  private final InputGroup router;
  private final List<Expert> experts = new ArrayList<>();
  private final Optional<GatedBranch> shared;
  private final Optional<InputGroup> sharedGate;

  ExpertBranch(String layer, ExpertFeedForward mixture, int hidden) {
    this.mixture = mixture;
    this.hidden = hidden;
    this.module = layer + "." + mixture.names().module() + ".";
    this.router =
        router(module + mixture.names().router(), mixture.experts(), hidden, mixture.bias());
    Linear.Role role =
        mixture.stacked().isPresent() && !mixture.stacked().get().separable()
            ? Linear.Role.STACKED_EXPERT
            : Linear.Role.EXPERT;
    int size = mixture.size();
    boolean bias = mixture.bias();
    for (int e = 0; e < mixture.experts(); e++) {
      String expert = module + "experts." + e + ".";
      ExpertFeedForward.Names names = mixture.names();
      Linear gate = Linear.of(expert + names.gate(), size, hidden, bias).withRole(role);
      Linear up = Linear.of(expert + names.up(), size, hidden, bias).withRole(role);
      Linear down = Linear.of(expert + names.down(), hidden, size, bias).withRole(role);
      InputGroup products = InputGroup.of(down);
      experts.add(
          new Expert(
              new InputGroup(expert + "gate_up", List.of(gate, up)),
              mixture.activation().isLinearInUp()
                  ? products.producedBy(Producer.Rows.of(up))
                  : products));
    }
    this.shared =
        mixture
            .shared()
            .map(spec ->
                new GatedFeedForward(
                    mixture.names().module() + "." + spec.name(),
                    spec.size(),
                    mixture.activation(),
                    bias,
                    false))
            .map(spec -> new GatedBranch(layer, spec, hidden, Optional.empty()));
    this.sharedGate =
        mixture
            .shared()
            .flatMap(ExpertFeedForward.Shared::gate)
            .map(name -> router(module + name, 1, hidden, false));
  }

  private static InputGroup router(String name, int experts, int hidden, boolean bias) {
    return InputGroup.of(Linear.of(name, experts, hidden, bias).withRole(Linear.Role.ROUTER));
  }

  @Override
  public List<InputGroup> inputGroups() {
    List<InputGroup> groups = new ArrayList<>();
    groups.add(router);
    for (Expert expert : experts) {
      groups.add(expert.gateUp());
      groups.add(expert.down());
    }
    shared.ifPresent(branch -> groups.addAll(branch.inputGroups()));
    sharedGate.ifPresent(groups::add);
    return groups;
  }

  @Override
  public SequencedMap<String, Shape> parameterShapes() {
    SequencedMap<String, Shape> shapes = new LinkedHashMap<>();
    correctionName().ifPresent(name -> shapes.put(name, Shape.of(mixture.experts())));
    return shapes;
  }

  private Optional<String> correctionName() {
    return mixture
        .routing()
        .correctionName()
        .map(name -> router.linears().getFirst().name() + "." + name);
  }

  @Override
  public SequencedMap<String, Shape> weightShapes() {
    if (mixture.stacked().isEmpty()) {
      return Branch.super.weightShapes();
    }
    SequencedMap<String, Shape> shapes = new LinkedHashMap<>();
    Branch.add(shapes, router.linears().getFirst());
    int count = mixture.experts();
    int size = mixture.size();
    shapes.put(module + "experts.gate_up_proj", Shape.of(count, hidden, 2L * size));
    shapes.put(module + "experts.down_proj", Shape.of(count, size, hidden));
    if (mixture.bias()) {
      shapes.put(module + "experts.gate_up_proj_bias", Shape.of(count, 2L * size));
      shapes.put(module + "experts.down_proj_bias", Shape.of(count, hidden));
    }
    shared.ifPresent(branch -> shapes.putAll(branch.weightShapes()));
    sharedGate.ifPresent(group -> Branch.add(shapes, group.linears().getFirst()));
    return shapes;
  }

  @Override
  public List<TensorSlice> slices() {
    List<TensorSlice> slices = new ArrayList<>();
    mixture
        .stacked()
        .ifPresent(stack -> {
          int step = stack.interleaved() ? 2 : 1;
          int up = stack.interleaved() ? 1 : mixture.size();
          for (int e = 0; e < experts.size(); e++) {
            Linear gate = experts.get(e).gateUp().linears().getFirst();
            slice(slices, gate, "gate_up_proj", e, 0, step);
            slice(slices, experts.get(e).gateUp().linears().getLast(), "gate_up_proj", e, up, step);
            slice(slices, experts.get(e).down().linears().getFirst(), "down_proj", e, 0, 1);
          }
        });
    return slices;
  }

  private void slice(
      List<TensorSlice> slices, Linear linear, String stack, int expert, int first, int step) {
    String name = module + "experts." + stack;
    boolean listed = linear.role() != Linear.Role.STACKED_EXPERT;
    Shape shape = Shape.of(linear.outFeatures(), linear.inFeatures());
    slices.add(new TensorSlice(linear.weightName(), shape, name, expert, first, step, listed));
    if (linear.hasBias()) {
      Shape bias = Shape.of(linear.outFeatures());
      slices.add(
          new TensorSlice(linear.biasName(), bias, name + "_bias", expert, first, step, listed));
    }
  }

  @Override
  public Tensor forward(Tensor x, LayerRun run) {
    Backend backend = run.backend();
    int tokens = Math.toIntExact(x.shape().dim(0));
    float[] logits = run.backend().toHost(run.linear(router, x), run.scope()).toFloats();
    Assignment assignment = assign(logits, tokens, run);
    List<Tensor> parts = new ArrayList<>();
    for (int e = 0; e < experts.size(); e++) {
      int[] rows = assignment.rowsOf(e);
      if (run.toAllExperts()) {
        Tensor all = expert(experts.get(e), x, everyRow(tokens), everyInputWeight(logits, e), run);
        if (rows.length > 0) {
          parts.add(backend.mixRows(List.of(all), rows, ones(rows.length), 1, run.scope()));
        }
      } else if (rows.length > 0) {
        parts.add(expert(experts.get(e), x, rows, assignment.inputWeightsOf(e), run));
      }
    }
    int each = mixture.each();
    int[] rows = assignment.places();
    float[] weights = assignment.outputWeights();
    if (shared.isPresent()) {
      parts.add(shared.get().forward(x, run));
      float[] factors = sharedFactors(x, tokens, run);
      rows = new int[tokens * (each + 1)];
      weights = new float[rows.length];
      for (int t = 0; t < tokens; t++) {
        System.arraycopy(assignment.places(), t * each, rows, t * (each + 1), each);
        System.arraycopy(assignment.outputWeights(), t * each, weights, t * (each + 1), each);
        rows[t * (each + 1) + each] = tokens * each + t;
        weights[t * (each + 1) + each] = factors[t];
      }
      each++;
    }
    return backend.mixRows(parts, rows, weights, each, run.scope());
  }

  private Tensor expert(Expert expert, Tensor x, int[] rows, float[] weights, LayerRun run) {
    Tensor own = run.backend().mixRows(List.of(x), rows, weights, 1, run.scope());
    List<Tensor> products = run.linears(expert.gateUp(), own);
    Tensor gated =
        run.backend().gated(mixture.activation(), products.get(0), products.get(1), run.scope());
    return run.linear(expert.down(), gated);
  }

  private float[] sharedFactors(Tensor x, int tokens, LayerRun run) {
    float[] factors = ones(tokens);
    sharedGate.ifPresent(group -> {
      float[] gates = run.backend().toHost(run.linear(group, x), run.scope()).toFloats();
      for (int t = 0; t < tokens; t++) {
        factors[t] = Routing.sigmoid(gates[t]);
      }
    });
    return factors;
  }

  private static int[] everyRow(int tokens) {
    return IntStream.range(0, tokens).toArray();
  }

  private static float[] ones(int count) {
    float[] ones = new float[count];
    Arrays.fill(ones, 1);
    return ones;
  }

  /** Factors of what an expert would read of each token, were it chosen. */
  private float[] everyInputWeight(float[] logits, int expert) {
    float[] factors = ones(logits.length / mixture.experts());
    for (int t = 0; mixture.routing().weighsInputs() && t < factors.length; t++) {
      factors[t] = Routing.sigmoid(logits[t * mixture.experts() + expert]);
    }
    return factors;
  }

  private Assignment assign(float[] all, int tokens, LayerRun run) {
    float[] correction =
        correctionName()
            .map(name -> run.backend().toHost(run.parameter(name), run.scope()).toFloats())
            .orElseGet(() -> new float[0]);
    int count = mixture.experts();
    Assignment assignment = new Assignment(tokens, count, mixture.each(), mixture.routing());
    for (int t = 0; t < tokens; t++) {
      assignment.add(t, Arrays.copyOfRange(all, t * count, (t + 1) * count), correction);
    }
    return assignment;
  }
}
