package org.modelopt.export.gguf.architecture;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.LongUnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.modelopt.error.CheckpointException;
import org.modelopt.export.gguf.architecture.PlannedTensor.Part;
import org.modelopt.export.gguf.architecture.PlannedTensor.Stored;
import org.modelopt.tensor.Shape;

/** Stacks experts: one tensor for all gates of a layer, one for all ups, one for all downs. */
final class ExpertPlanner {
  private static final Pattern SINGLE =
      Pattern.compile(
          "model\\.layers\\.(\\d+)\\.(?:mlp|block_sparse_moe)\\.experts\\.(\\d+)\\."
              + "(gate_proj|up_proj|down_proj|w1|w2|w3)\\.weight");
  private static final Pattern FUSED =
      Pattern.compile("model\\.layers\\.(\\d+)\\.mlp\\.experts\\.(gate_up_proj|down_proj)(_bias)?");

  private final ModelShape shape;
  private final Map<String, Map<Integer, Part>> singles = new TreeMap<>();
  private final Map<String, List<Long>> extents = new TreeMap<>();
  private final List<PlannedTensor> fused = new ArrayList<>();

  ExpertPlanner(ModelShape shape) {
    this.shape = shape;
  }

  /** Whether {@code name} belongs to an expert; if so, it is planned. */
  boolean take(String name, String source, Shape size) {
    Matcher single = SINGLE.matcher(name);
    if (single.matches()) {
      String target = "blk.%s.ffn_%s_exps.weight".formatted(single.group(1), kind(single.group(3)));
      Part part = Part.of(source, size.rows());
      singles
          .computeIfAbsent(target, t -> new TreeMap<>())
          .put(Integer.parseInt(single.group(2)), part);
      List<Long> first =
          extents.computeIfAbsent(
              target, t -> List.of(size.columns(), size.rows(), (long) shape.experts()));
      if (first.get(0) != size.columns() || first.get(1) != size.rows()) {
        throw new CheckpointException(
            "%s: %s is %s but other experts of its layer are not"
                .formatted(shape.config().file(), source, size));
      }
      return true;
    }
    Matcher matcher = FUSED.matcher(name);
    if (!matcher.matches()) {
      return false;
    }
    fuse(matcher, source, size);
    return true;
  }

  private static String kind(String name) {
    return switch (name) {
      case "gate_proj", "w1" -> "gate";
      case "up_proj", "w3" -> "up";
      default -> "down";
    };
  }

  /**
   * All experts in one tensor. gpt-oss stores matrices {@code [in, out]} and takes gate and up from
   * even and odd outputs; others store {@code [out, in]} and take them from the two halves.
   */
  private void fuse(Matcher name, String source, Shape size) {
    boolean transposed = shape.architecture() == GgufArchitecture.GPT_OSS && size.rank() == 3;
    boolean bias = name.group(3) != null;
    if (size.rank() != (bias ? 2 : 3) || size.dim(0) != shape.experts()) {
      throw new CheckpointException(
          "%s: %s is %s, not a matrix for each of %d experts"
              .formatted(shape.config().file(), source, size, shape.experts()));
    }
    long out = bias || transposed ? size.dim(-1) : size.dim(1);
    long in = bias ? 1 : transposed ? size.dim(1) : size.dim(2);
    String suffix = bias ? "bias" : "weight";
    String layer = "blk." + name.group(1) + ".ffn_";
    if (name.group(2).equals("down_proj")) {
      add(layer + "down_exps." + suffix, source, bias, in, out, out, transposed, row -> row);
      return;
    }
    long half = out / 2;
    boolean interleaved = shape.architecture() == GgufArchitecture.GPT_OSS;
    LongUnaryOperator gate = interleaved ? row -> 2 * row : row -> row;
    LongUnaryOperator up = interleaved ? row -> 2 * row + 1 : row -> half + row;
    add(layer + "gate_exps." + suffix, source, bias, in, out, half, transposed, gate);
    add(layer + "up_exps." + suffix, source, bias, in, out, half, transposed, up);
  }

  private void add(
      String target,
      String source,
      boolean bias,
      long in,
      long storedOut,
      long out,
      boolean transposed,
      LongUnaryOperator withinExpert) {
    long experts = shape.experts();
    LongUnaryOperator row = r -> r / out * storedOut + withinExpert.applyAsLong(r % out);
    List<Long> size = bias ? List.of(out, experts) : List.of(in, out, experts);
    Part part = new Part(source, experts * out, row, transposed ? storedOut : 0);
    fused.add(new PlannedTensor(target, size, new Stored(List.of(part), 0)));
  }

  /** All tensors of experts. */
  List<PlannedTensor> planned() {
    List<PlannedTensor> all = new ArrayList<>(fused);
    singles.forEach((target, parts) -> {
      for (int e = 0; e < shape.experts(); e++) {
        if (!parts.containsKey(e) || parts.size() != shape.experts()) {
          throw new CheckpointException(
              "%s: %s needs experts 0 to %d but the checkpoint has %s"
                  .formatted(shape.config().file(), target, shape.experts() - 1, parts.keySet()));
        }
      }
      all.add(
          new PlannedTensor(
              target,
              java.util.Objects.requireNonNull(extents.get(target)),
              new Stored(List.copyOf(parts.values()), 0)));
    });
    return all;
  }
}
