package org.modelopt.export.verify;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.modelopt.error.CheckpointException;
import org.modelopt.export.verify.consumer.ExportView;
import org.modelopt.export.verify.layout.LinearModule;
import org.modelopt.export.verify.layout.LinearModule.Split;
import org.modelopt.export.verify.layout.ModelConfig;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.Violation;
import org.modelopt.export.verify.scheme.Scheme;
import org.modelopt.export.verify.scheme.Tile;

/** Tensor parallelism must cut weights between scales, not through what shares one. */
final class ParallelCheck {
  private static final List<Integer> USUAL = List.of(2, 4, 8);

  private static final Violation CUT =
      new Violation(
          "layer that cannot be divided",
          "loading stops with \"not divisible by weight quantization block\" or a bare assertion",
          "use fewer GPUs, smaller groups, or leave the layer unquantized");
  private static final Violation USUAL_SIZE =
      new Violation(
          "number of GPUs that the model cannot be divided onto",
          "loading would stop",
          "nothing, unless that many GPUs are planned for");

  private ParallelCheck() {}

  static void run(
      ExportView export, Set<Consumer> scope, List<Integer> required, Findings findings) {
    for (int size : required) {
      obstacle(export, size)
          .ifPresent(
              o -> findings.error(scope, CUT, Place.tensor(o.module()), o.expected(), o.found()));
    }
    for (int size : USUAL) {
      if (!required.contains(size)) {
        obstacle(export, size)
            .ifPresent(o ->
                findings.note(
                    scope, USUAL_SIZE, Place.tensor(o.module()), o.expected(), o.found()));
      }
    }
  }

  /** The first layer that stands in the way. */
  private record Obstacle(String module, String expected, String found) {}

  private static Optional<Obstacle> obstacle(ExportView export, int size) {
    if (size == 1) {
      return Optional.empty();
    }
    Optional<Obstacle> heads = heads(export.config(), size);
    if (heads.isPresent()) {
      return heads;
    }
    for (Map.Entry<LinearModule, Scheme> entry : export.quantized().entrySet()) {
      LinearModule module = entry.getKey();
      Scheme scheme = entry.getValue();
      boolean byRows = module.split() == Split.COLUMN_PARALLEL;
      if (module.split() == Split.REPLICATED) {
        continue;
      }
      long features = byRows ? module.outFeatures() : module.inFeatures();
      Tile tile = scheme.tile();
      long step =
          byRows
              ? Math.max(Math.max(tile.rows(), scheme.rowMultiple()), 1)
              : Math.max(Math.max(tile.columns(), scheme.columnMultiple()), 1);
      long parts = replicas(export.config(), module, size);
      if (features % (parts * step) != 0) {
        return Optional.of(
            new Obstacle(
                module.path(),
                "%d parts, each a multiple of %d %s"
                    .formatted(parts, step, byRows ? "rows" : "columns"),
                features + (byRows ? " rows" : " columns") + " on " + size + " GPUs"));
      }
    }
    return Optional.empty();
  }

  private static Optional<Obstacle> heads(ModelConfig config, int size) {
    long heads = config.find("num_attention_heads").orElse(0);
    return heads == 0 || heads % size == 0
        ? Optional.empty()
        : Optional.of(
            new Obstacle(
                "num_attention_heads",
                "a multiple of the GPUs",
                heads + " heads on " + size + " GPUs"));
  }

  /** Key and value heads are repeated where there are fewer of them than GPUs. */
  private static long replicas(ModelConfig config, LinearModule module, int size) {
    boolean keyOrValue = module.leaf().equals("k_proj") || module.leaf().equals("v_proj");
    try {
      return keyOrValue ? Math.min(size, config.kvHeads()) : size;
    } catch (CheckpointException e) {
      return size;
    }
  }
}
