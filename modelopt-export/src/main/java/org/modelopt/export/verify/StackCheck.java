package org.modelopt.export.verify;

import java.lang.foreign.Arena;
import java.util.LinkedHashSet;
import java.util.Optional;
import java.util.Set;
import org.modelopt.export.verify.checkpoint.ExportTensor;
import org.modelopt.export.verify.consumer.ExportView;
import org.modelopt.export.verify.layout.StackedWeight;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.Violation;
import org.modelopt.export.verify.scheme.StackedMxfp4;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;

/** Experts that are stacked in MXFP4: codes and scales of all, with types and shapes. */
final class StackCheck {
  private static final Violation MISSING =
      new Violation(
          "missing tensor",
          "the method mxfp4 takes the experts of all layers for quantized",
          "export codes and scales of every layer");
  private static final Violation WRONG =
      new Violation(
          "data type or shape",
          "kernels view the bytes as codes of four bits and as powers of two",
          "store U8, blocks of 16 bytes last");
  private static final Violation DIVIDES =
      new Violation(
          "experts that the format cannot hold", "blocks must be whole", "leave them unquantized");
  private static final Violation EXCLUDED =
      new Violation(
          "quantized experts that the exclusion list excludes",
          "transformers builds them unquantized and starts from random values",
          "take the entry that matches them from the list");

  private final ExportView export;
  private final Findings findings;
  private final Set<String> names = new LinkedHashSet<>();

  private StackCheck(ExportView export, Findings findings) {
    this.export = export;
    this.findings = findings;
  }

  /** Checks, and returns the names of all tensors that belong to such experts. */
  static Set<String> run(ExportView export, Findings findings) {
    StackCheck check = new StackCheck(export, findings);
    export.quantizedStacks().values().forEach(check::check);
    return check.names;
  }

  private void check(StackedWeight stack) {
    long experts = stack.experts();
    long out = stack.outFeatures();
    long in = stack.inFeatures();
    if (export.isExcluded(stack)) {
      findings.error(
          EXCLUDED,
          Place.tensor(stack.name()),
          "not excluded",
          "exclusion list " + export.settings().exclusions());
    }
    if (in % StackedMxfp4.GROUP != 0) {
      names.add(stack.name() + StackedMxfp4.BLOCKS);
      names.add(stack.name() + StackedMxfp4.SCALES);
      findings.error(
          DIVIDES,
          Place.tensor(stack.name()),
          "inputs in multiples of " + StackedMxfp4.GROUP,
          String.valueOf(in));
      return;
    }
    find(stack.name() + StackedMxfp4.BLOCKS, StackedMxfp4.blocks(experts, out, in));
    find(stack.name() + StackedMxfp4.SCALES, StackedMxfp4.scales(experts, out, in))
        .ifPresent(scales -> {
          try (Arena arena = Arena.ofConfined()) {
            ElementCheck.checkScales(scales, scales.open(arena), findings);
          }
        });
  }

  /** The tensor of this name, if it has the right type and shape. */
  private Optional<ExportTensor> find(String name, Shape shape) {
    names.add(name);
    Optional<ExportTensor> tensor = export.directory().find(name);
    String wanted = "U8 %s of %s".formatted(shape, StackedMxfp4.LABEL);
    if (tensor.isEmpty()) {
      if (export.directory().isKnownAbsent(name)) {
        findings.error(MISSING, Place.tensor(name), wanted, "absent");
      }
      return tensor;
    }
    if (tensor.get().dtype() == DType.U8 && tensor.get().shape().equals(shape)) {
      return tensor;
    }
    findings.error(WRONG, tensor.get().place(), wanted, tensor.get().description());
    return Optional.empty();
  }
}
