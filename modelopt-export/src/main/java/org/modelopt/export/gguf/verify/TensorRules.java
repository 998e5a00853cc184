package org.modelopt.export.gguf.verify;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import org.modelopt.export.gguf.architecture.GgufArchitecture;
import org.modelopt.export.gguf.container.GgufFile;
import org.modelopt.export.gguf.container.GgufTensor;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.Violation;
import org.modelopt.formats.ggml.GgmlType;

/** Exactly the tensors of the architecture, in the shapes that the metadata calls for. */
final class TensorRules {
  private static final Violation MISSING =
      new Violation(
          "missing tensor",
          "llama.cpp asks for it by name and stops",
          "write the tensor; a fused one must be named as this architecture does");
  private static final Violation EXTRA =
      new Violation(
          "tensor that nobody reads",
          "llama.cpp counts the tensors it used and refuses files with more",
          "leave it out, or give it the name that this architecture has for it");
  private static final Violation SHAPE =
      new Violation(
          "wrong shape",
          "llama.cpp compares extents with those that the metadata calls for and stops",
          "extents are written with the contiguous one first; compare head counts and widths");
  private static final Violation TYPE =
      new Violation(
          "type that cannot be computed with",
          "norms, biases and other vectors must be F32, or the program aborts; some types are for"
              + " intermediate results only",
          "store vectors in F32 and matrices in a type for weights");
  private static final Violation NO_SCALE =
      new Violation(
          "NVFP4 without a scale for the matrix",
          "small weights fall into the coarse steps below the smallest scale of E4M3",
          "write NAME.scale, and divide the values by it before they are encoded");

  private final GgufFile file;
  private final String name;
  private final Findings findings;
  private final Set<String> known = new HashSet<>();

  private TensorRules(GgufFile file, String name, Findings findings) {
    this.file = file;
    this.name = name;
    this.findings = findings;
  }

  static void check(GgufFile file, GgufArchitecture architecture, String name, Findings findings) {
    TensorRules rules = new TensorRules(file, name, findings);
    for (ExpectedTensor expected : ExpectedTensor.of(file, architecture)) {
      rules.check(expected);
    }
    for (GgufTensor tensor : file.tensors()) {
      if (!rules.known.contains(tensor.name())) {
        findings.error(
            EXTRA,
            Place.tensor(tensor.name(), name),
            "no such tensor in architecture " + architecture.id(),
            tensor.type() + " " + tensor.extents());
      }
    }
  }

  /** Elements of a head, as readers see it. */
  static OptionalLong headSize(GgufFile file, GgufArchitecture architecture) {
    OptionalLong given = file.findU32(architecture.id() + ".attention.key_length");
    if (given.isPresent()) {
      return given;
    }
    long hidden = file.findU32(architecture.id() + ".embedding_length").orElse(0);
    long heads = file.findU32(architecture.id() + ".attention.head_count").orElse(0);
    return heads == 0 ? OptionalLong.empty() : OptionalLong.of(hidden / heads);
  }

  private void check(ExpectedTensor expected) {
    known.add(expected.name());
    GgufTensor tensor = file.find(expected.name()).orElse(null);
    if (tensor == null) {
      if (expected.required()) {
        findings.error(MISSING, Place.tensor(expected.name(), name), expected.extents(), "nothing");
      }
      return;
    }
    List<Long> extents = new ArrayList<>(tensor.extents());
    while (extents.size() > expected.extents().size() && extents.getLast() == 1) {
      extents.removeLast();
    }
    if (!extents.equals(expected.extents())) {
      findings.error(
          SHAPE, Place.tensor(tensor.name(), name), expected.extents(), tensor.extents());
    }
    boolean vector = extents.size() < 2 || tensor.name().endsWith(".bias");
    if (vector ? tensor.type() != GgmlType.F32 : !GgufVerifier.isForWeights(tensor.type())) {
      findings.error(
          TYPE,
          Place.tensor(tensor.name(), name),
          vector ? "F32" : "a type for weights",
          tensor.type());
    }
    if (expected.scalable() && tensor.name().endsWith(".weight")) {
      checkScale(tensor, extents);
    }
  }

  private void checkScale(GgufTensor tensor, List<Long> extents) {
    String stem = tensor.name().substring(0, tensor.name().length() - "weight".length());
    List<Long> shape = List.of(extents.size() > 2 ? extents.get(2) : 1L);
    for (String suffix : List.of("scale", "input_scale")) {
      known.add(stem + suffix);
      file.find(stem + suffix)
          .ifPresent(scale -> {
            if (scale.type() != GgmlType.F32 || !scale.extents().equals(shape)) {
              findings.error(
                  SHAPE,
                  Place.tensor(scale.name(), name),
                  "F32 " + shape,
                  scale.type() + " " + scale.extents());
            }
          });
    }
    if (tensor.type() == GgmlType.NVFP4 && file.find(stem + "scale").isEmpty()) {
      findings.note(NO_SCALE, Place.tensor(tensor.name(), name), stem + "scale", "nothing");
    }
  }
}
