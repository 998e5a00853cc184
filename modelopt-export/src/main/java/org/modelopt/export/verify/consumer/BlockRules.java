package org.modelopt.export.verify.consumer;

import java.util.List;
import java.util.Set;
import org.modelopt.export.verify.config.CompressedGroup;
import org.modelopt.export.verify.config.CompressedGroup.Kind;
import org.modelopt.export.verify.layout.LinearModule;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.Violation;

/** Layers in blocks: what servers ask of their sizes before anything is divided onto GPUs. */
final class BlockRules {
  private static final Violation JOINED =
      new Violation(
          "joined layer that ends within a block",
          "the next layer's rows would share its block; loading stops with \"not divisible by"
              + " weight quantization block\"",
          "leave the joined layers unquantized, or use one scale for each row");
  private static final Violation WHOLE =
      new Violation(
          "weight that does not consist of whole blocks",
          "the loader stops with a ValueError",
          "exclude the layer, or use one scale for each row");

  private BlockRules() {}

  /** All but the last of the layers that are joined must have whole blocks of rows. */
  static void checkJoined(
      List<Integer> blocks, ExportView export, Set<Consumer> scope, Findings findings) {
    if (blocks.isEmpty()) {
      return;
    }
    for (LinearModule module : export.quantized().keySet()) {
      List<LinearModule> joined = export.layout().fusedWith(module);
      if (!joined.getLast().equals(module) && module.outFeatures() % blocks.getFirst() != 0) {
        findings.error(
            scope,
            JOINED,
            Place.tensor(module.path()),
            "a multiple of " + blocks.getFirst() + " rows",
            module.outFeatures());
      }
    }
  }

  /** The same for a group of compressed-tensors, if its weights are in blocks. */
  static void checkJoined(
      CompressedGroup group, ExportView export, Set<Consumer> scope, Findings findings) {
    if (group.kind().filter(kind -> kind == Kind.FP8_BLOCK).isPresent()) {
      group
          .scheme()
          .map(scheme -> List.of((int) scheme.tile().rows(), (int) scheme.tile().columns()))
          .ifPresent(blocks -> checkJoined(blocks, export, scope, findings));
    }
  }

  /** All layers must have whole blocks in both directions. */
  static void checkWhole(int block, ExportView export, Set<Consumer> scope, Findings findings) {
    for (LinearModule module : export.quantized().keySet()) {
      if (module.outFeatures() % block != 0 || module.inFeatures() % block != 0) {
        findings.error(
            scope,
            WHOLE,
            Place.tensor(module.path()),
            "multiples of " + block,
            module.outFeatures() + " by " + module.inFeatures());
      }
    }
  }
}
