package org.modelopt.export.verify.value;

import java.lang.foreign.Arena;
import java.util.Optional;
import org.modelopt.export.verify.checkpoint.ExportTensor;
import org.modelopt.export.verify.consumer.ExportView;
import org.modelopt.export.verify.layout.StackedWeight;
import org.modelopt.export.verify.scheme.Grid;
import org.modelopt.export.verify.scheme.RowDecoder;
import org.modelopt.export.verify.scheme.StackedMxfp4;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** Compares stacked experts in MXFP4 with the original's, which has inputs before outputs. */
final class StackComparison {
  private final ExportView export;
  private final Original original;
  private final double slack;

  StackComparison(ExportView export, Original original, double slack) {
    this.export = export;
    this.original = original;
    this.slack = slack;
  }

  /** How the experts compare; skipped if types or shapes are wrong, which was reported. */
  Outcome compare(StackedWeight stack) {
    long experts = stack.experts();
    long out = stack.outFeatures();
    long in = stack.inFeatures();
    Optional<ExportTensor> blocks =
        find(stack.name() + StackedMxfp4.BLOCKS, StackedMxfp4.blocks(experts, out, in));
    Optional<ExportTensor> scales =
        find(stack.name() + StackedMxfp4.SCALES, StackedMxfp4.scales(experts, out, in));
    boolean alike =
        original.find(stack.name()).filter(o -> o.shape().equals(stack.shape())).isPresent();
    if (!alike || blocks.isEmpty() || scales.isEmpty() || in % StackedMxfp4.GROUP != 0) {
      return Outcome.SKIPPED;
    }
    try (Arena arena = Arena.ofConfined()) {
      Tensor before = original.open(stack.name(), arena);
      RowDecoder decoder =
          StackedMxfp4.decoder(
              blocks.get().open(arena), scales.get().open(arena), stack.rows(), in);
      return Outcome.of(
          new WeightComparison(stack.rows(), in, Grid.E2M1_POWER_OF_TWO, StackedMxfp4.tile(), slack)
              .compare(rows(before, stack), decoder::decode, null, null));
    }
  }

  private Optional<ExportTensor> find(String name, Shape shape) {
    return export
        .directory()
        .find(name)
        .filter(tensor -> tensor.dtype() == DType.U8 && tensor.shape().equals(shape));
  }

  /** Row {@code r} is output {@code r % out} of expert {@code r / out}. */
  private static WeightComparison.Rows rows(Tensor stack, StackedWeight weight) {
    int in = Math.toIntExact(weight.inFeatures());
    long out = weight.outFeatures();
    return (from, count, values, steps) -> {
      for (int r = 0; r < count; ) {
        long expert = (from + r) / out;
        long first = (from + r) % out;
        int run = (int) Math.min(count - r, out - first);
        // Outputs stand side by side in the file, so they are the inner loop.
        for (int i = 0; i < in; i++) {
          long at = (expert * in + i) * out + first;
          for (int o = 0; o < run; o++) {
            values[(r + o) * in + i] = stack.getFloat(at + o);
          }
        }
        r += run;
      }
    };
  }
}
