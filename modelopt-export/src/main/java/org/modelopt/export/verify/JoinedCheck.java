package org.modelopt.export.verify;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.modelopt.export.verify.StoredLayers.Storage;
import org.modelopt.export.verify.checkpoint.ExportTensor;
import org.modelopt.export.verify.consumer.ExportView;
import org.modelopt.export.verify.layout.LinearModule;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.Violation;
import org.modelopt.export.verify.scheme.Part;
import org.modelopt.export.verify.scheme.Part.Merge;
import org.modelopt.export.verify.scheme.Scheme;

/** Layers that servers join must share one format, and the scales that become one must be equal. */
final class JoinedCheck {
  private static final Violation FORMATS =
      new Violation(
          "joined layers of different formats",
          "q, k and v, gate and up, and all experts of a layer become one layer, which has one"
              + " format",
          "quantize all of them alike, or none");
  private static final Violation UNEQUAL =
      new Violation(
          "joined layers with different scales",
          "one value serves all of them and nothing is rescaled, so that the others come out wrong;"
              + " TensorRT-LLM stops",
          "calibrate them together and give them one scale");

  private final ExportView export;
  private final Set<Consumer> scope;
  private final Findings findings;

  JoinedCheck(ExportView export, Set<Consumer> scope, Findings findings) {
    this.export = export;
    this.scope = scope;
    this.findings = findings;
  }

  void run() {
    Map<String, Set<String>> formats = new LinkedHashMap<>();
    Map<String, List<String>> members = new LinkedHashMap<>();
    for (LinearModule module : export.layout().linears().values()) {
      if (StoredLayers.of(export.directory(), module.path()) == Storage.ABSENT) {
        continue;
      }
      String path = export.layout().fusedPath(module);
      formats.computeIfAbsent(path, p -> new LinkedHashSet<>()).add(format(module));
      members
          .computeIfAbsent(path, p -> new ArrayList<>())
          .add(module.path() + ": " + format(module));
      List<LinearModule> joined = export.layout().fusedWith(module);
      if (joined.size() > 1 && joined.getFirst().equals(module)) {
        checkScales(joined);
      }
    }
    formats.forEach((path, kinds) -> {
      if (kinds.size() > 1) {
        findings.error(
            scope, FORMATS, Place.tensor(path), "one format", String.valueOf(members.get(path)));
      }
    });
  }

  private String format(LinearModule module) {
    Scheme scheme = export.quantized().get(module);
    return scheme != null
        ? scheme.label()
        : StoredLayers.of(export.directory(), module.path()) == Storage.PLAIN
            ? "unquantized"
            : "undeclared";
  }

  private void checkScales(List<LinearModule> joined) {
    Scheme scheme = export.quantized().get(joined.getFirst());
    if (scheme == null) {
      return;
    }
    for (Part part : scheme.parts()) {
      if (part.merge() == Merge.EQUAL) {
        checkEqual(joined, part);
      }
    }
  }

  private void checkEqual(List<LinearModule> joined, Part part) {
    List<String> values = new ArrayList<>();
    Set<List<Byte>> distinct = new LinkedHashSet<>();
    for (LinearModule module : joined) {
      Optional<ExportTensor> tensor = export.directory().find(module.path() + "." + part.suffix());
      if (tensor.isEmpty()) {
        // An optional tensor that only some have is unequal, too; a required one was reported.
        if (part.required()) {
          return;
        }
        distinct.add(List.of());
        values.add("absent");
        continue;
      }
      try (Arena arena = Arena.ofConfined()) {
        byte[] bytes = tensor.get().open(arena).segment().toArray(ValueLayout.JAVA_BYTE);
        List<Byte> boxed = new ArrayList<>(bytes.length);
        for (byte b : bytes) {
          boxed.add(b);
        }
        distinct.add(boxed);
        values.add(Scalars.describe(tensor.get()));
      }
    }
    if (distinct.size() > 1) {
      findings.error(
          scope,
          UNEQUAL,
          Place.tensor(joined.getFirst().path() + "." + part.suffix()),
          "equal in " + joined.stream().map(LinearModule::leaf).toList(),
          values);
    }
  }
}
