package org.modelopt.export.verify.layout;

import java.util.Optional;
import org.modelopt.export.verify.layout.LinearModule.Role;
import org.modelopt.export.verify.layout.LinearModule.Split;

/**
 * Notes down the tensors of one decoder layer; what {@link Architectures} writes its table with.
 */
final class LayerTable {
  private final ModelLayout.Builder layout;
  private final ModelConfig config;
  private final String prefix;
  private final long index;

  LayerTable(ModelLayout.Builder layout, ModelConfig config, String prefix, long index) {
    this.layout = layout;
    this.config = config;
    this.prefix = prefix;
    this.index = index;
  }

  ModelConfig config() {
    return config;
  }

  /** Number of this layer, from 0. */
  long index() {
    return index;
  }

  long hidden() {
    return config.size("hidden_size");
  }

  /** Norm weights over the hidden state. */
  LayerTable norms(String... names) {
    for (String name : names) {
      tensor(name + ".weight", hidden());
    }
    return this;
  }

  /** A tensor that is no weight of a linear layer. */
  LayerTable tensor(String name, long... dims) {
    layout.other(prefix + name, dims);
    return this;
  }

  /** A weight of all experts in one tensor. */
  LayerTable stack(String name, long experts, long in, long out) {
    layout.stack(new StackedWeight(prefix + name, experts, in, out));
    return this;
  }

  /** A linear layer whose outputs are divided by tensor parallelism. */
  LayerTable column(String name, long out, long in, boolean bias, String norm) {
    return linear(name, out, in, bias, Split.COLUMN_PARALLEL, role(name), norm);
  }

  /** A linear layer whose inputs are divided by tensor parallelism. */
  LayerTable row(String name, long out, long in, boolean bias) {
    return linear(name, out, in, bias, Split.ROW_PARALLEL, role(name), "");
  }

  /** Says that the input of {@code name} is the outputs of {@code before} times something else. */
  LayerTable follows(String name, String before, long run, long repeats) {
    layout.follows(prefix + name, new RowsBefore(prefix + before, run, repeats));
    return this;
  }

  /** A linear layer that every rank holds whole. */
  LayerTable replicated(String name, long out, long in, String norm) {
    return linear(name, out, in, false, Split.REPLICATED, role(name), norm);
  }

  /** What chooses among {@code experts}. */
  LayerTable router(String name, long experts, boolean bias, String norm) {
    return linear(name, experts, hidden(), bias, Split.REPLICATED, Role.ROUTER, norm);
  }

  private static Role role(String name) {
    return Fusing.isExpert(name) ? Role.EXPERT : Role.BLOCK;
  }

  private LayerTable linear(
      String name, long out, long in, boolean bias, Split split, Role role, String norm) {
    Optional<String> before =
        norm.isEmpty() ? Optional.empty() : Optional.of(prefix + norm + ".weight");
    layout.linear(new LinearModule(prefix + name, out, in, split, role, before));
    if (bias) {
      layout.other(prefix + name + ".bias", out);
    }
    return this;
  }
}
