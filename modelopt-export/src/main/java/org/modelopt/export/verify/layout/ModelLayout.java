package org.modelopt.export.verify.layout;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.modelopt.tensor.Shape;

/** The tensors that a model has before quantization: what {@code config.json} implies. */
public final class ModelLayout {
  /** Where the layout was taken from. */
  public enum Source {
    /** The table of architectures: names and shapes are known independently of any file. */
    TABLE,
    /** The original checkpoint. */
    ORIGINAL,
    /** The export itself: nothing can be missing or left over. */
    EXPORT
  }

  private final Source source;
  private final Map<String, LinearModule> linears;
  private final Map<String, Shape> others;
  private final Map<String, StackedWeight> stacks;
  private final Map<String, RowsBefore> rowsBefore;
  private final boolean unitOffsetNorms;

  private ModelLayout(Builder builder) {
    this.source = builder.source;
    this.linears = Collections.unmodifiableMap(new LinkedHashMap<>(builder.linears));
    this.others = Collections.unmodifiableMap(new LinkedHashMap<>(builder.others));
    this.stacks = Collections.unmodifiableMap(new LinkedHashMap<>(builder.stacks));
    this.rowsBefore = Collections.unmodifiableMap(new LinkedHashMap<>(builder.rowsBefore));
    this.unitOffsetNorms = builder.unitOffsetNorms;
  }

  /** Where the layout was taken from. */
  public Source source() {
    return source;
  }

  /** Linear layers by path, in the order of the model; a tied output head is none. */
  public Map<String, LinearModule> linears() {
    return linears;
  }

  /** The linear layer at {@code path}, if there is one. */
  public Optional<LinearModule> linear(String path) {
    return Optional.ofNullable(linears.get(path));
  }

  /** Shapes of all other tensors by name: embeddings, norms, biases. */
  public Map<String, Shape> others() {
    return others;
  }

  /** Weights of all experts of a layer in one tensor, by its name where it is not quantized. */
  public Map<String, StackedWeight> stacks() {
    return stacks;
  }

  /** Which linear layers follow the rows of which, by path of the one that follows. */
  public Map<String, RowsBefore> rowsBefore() {
    return rowsBefore;
  }

  /** Whether norms multiply by one plus their weight, as those of Gemma. */
  public boolean hasUnitOffsetNorms() {
    return unitOffsetNorms;
  }

  /** Layers that are joined with {@code module} when loaded, itself included, in order. */
  public List<LinearModule> fusedWith(LinearModule module) {
    List<LinearModule> members = new ArrayList<>();
    for (String leaf : Fusing.membersWith(module.leaf())) {
      String path = module.parent().isEmpty() ? leaf : module.parent() + "." + leaf;
      linear(path).ifPresent(members::add);
    }
    return members;
  }

  /** Path under which servers build the layer that holds {@code module}. */
  public String fusedPath(LinearModule module) {
    if (Fusing.isExpert(module.path())) {
      return Fusing.expertsOf(module.path());
    }
    return fusedWith(module).size() < 2
        ? module.path()
        : module.parent() + "." + Fusing.fusedLeaf(module.leaf());
  }

  /** Paths of the attention blocks, in order. */
  public List<String> attentionBlocks() {
    Set<String> blocks = new LinkedHashSet<>();
    for (LinearModule module : linears.values()) {
      if (module.leaf().equals("o_proj") && module.parent().endsWith("attn")) {
        blocks.add(module.parent());
      }
    }
    return List.copyOf(blocks);
  }

  /** Collects a layout. */
  static final class Builder {
    private final Source source;
    private final Map<String, LinearModule> linears = new LinkedHashMap<>();
    private final Map<String, Shape> others = new LinkedHashMap<>();
    private final Map<String, StackedWeight> stacks = new LinkedHashMap<>();
    private final Map<String, RowsBefore> rowsBefore = new LinkedHashMap<>();
    private boolean unitOffsetNorms;

    Builder(Source source) {
      this.source = source;
    }

    Builder linear(LinearModule module) {
      linears.put(module.path(), module);
      return this;
    }

    Builder other(String name, long... dims) {
      others.put(name, Shape.of(dims));
      return this;
    }

    Builder other(String name, Shape shape) {
      others.put(name, shape);
      return this;
    }

    Builder stack(StackedWeight stack) {
      stacks.put(stack.name(), stack);
      return this;
    }

    Builder follows(String path, RowsBefore rows) {
      rowsBefore.put(path, rows);
      return this;
    }

    Builder unitOffsetNorms() {
      unitOffsetNorms = true;
      return this;
    }

    ModelLayout build() {
      return new ModelLayout(this);
    }
  }
}
