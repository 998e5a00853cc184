package org.modelopt.export.verify;

import java.lang.foreign.Arena;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.modelopt.export.verify.StoredLayers.Storage;
import org.modelopt.export.verify.checkpoint.ExportTensor;
import org.modelopt.export.verify.consumer.ExportView;
import org.modelopt.export.verify.layout.LinearModule;
import org.modelopt.export.verify.layout.ModelLayout;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.Violation;
import org.modelopt.export.verify.scheme.Part;
import org.modelopt.export.verify.scheme.Scheme;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** The set of tensors must be exactly that of the model and its format, with types and shapes. */
final class TensorCheck {
  private static final Violation MISSING =
      new Violation(
          "missing tensor",
          "vLLM does not report it for quantized models: the parameter stays uninitialised",
          "export the tensor; every layer and expert needs all of them");
  private static final Violation MISSING_PLAIN =
      new Violation(
          "missing tensor",
          "the model is incomplete; some loaders start from random values instead",
          "copy it from the original checkpoint");
  private static final Violation WRONG =
      new Violation(
          "data type or shape",
          "a wrong shape stops the loader without a name; a wrong type is cast by value, so that"
              + " codes become other codes",
          "store it as the format says");
  private static final Violation DIVIDES =
      new Violation(
          "weight that the format cannot hold",
          "blocks, groups and packed codes must be whole",
          "exclude the layer, or choose a format without blocks");
  private static final Violation UNEXPECTED =
      new Violation(
          "unexpected tensor",
          "vLLM stops with a KeyError at a name it has no parameter for",
          "leave it out; fold factors into the weights before export");
  private static final Violation TIED =
      new Violation(
          "output head of a model with tied embeddings",
          "loaders skip it or keep two tables; it takes part of the GPU for nothing",
          "leave lm_head.weight out, or set tie_word_embeddings to false");
  private static final Violation TOLERATED =
      new Violation(
          "tensor that loaders pass over",
          "it is computed or belongs to a part that is not loaded",
          "nothing");
  private static final Violation OTHER_PART =
      new Violation(
          "tensors outside the language model",
          "they are not checked: only the language model's tensors are known",
          "compare with the original checkpoint");

  private static final Pattern SKIPPED =
      Pattern.compile("rotary_emb\\.(inv_freq|cos_cached|sin_cached)$");

  private static final Violation CONTENT =
      new Violation(
          "content that the format does not allow",
          "kernels read it as something else, or refuse it",
          "write it as the format says");

  private final ExportView export;
  private final Findings findings;
  private final Set<String> expected = new LinkedHashSet<>();

  TensorCheck(ExportView export, Findings findings) {
    this.export = export;
    this.findings = findings;
  }

  /**
   * Runs the check.
   *
   * @param cache names of scales of the key and value cache, which were checked on their own
   * @param original names of the original checkpoint, where known
   */
  void run(Set<String> cache, Set<String> original) {
    expected.addAll(cache);
    for (LinearModule module : export.layout().linears().values()) {
      checkLayer(module);
    }
    export.layout().others().forEach(this::checkOther);
    if (export.quantizedStacks().isEmpty()) {
      export.layout().stacks().forEach((name, stack) -> checkOther(name, stack.shape()));
    } else {
      expected.addAll(StackCheck.run(export, findings));
    }
    if (export.layout().source() != ModelLayout.Source.EXPORT) {
      checkUnexpected(original);
    }
  }

  private void checkLayer(LinearModule module) {
    Scheme scheme = export.quantized().get(module);
    if (scheme != null) {
      checkQuantized(module, scheme);
    } else if (StoredLayers.of(export.directory(), module.path()) == Storage.QUANTIZED) {
      // Without a scheme, which was reported, nothing is known of its tensors.
      export
          .directory()
          .suffixesOf(module.path())
          .forEach(suffix -> expected.add(module.path() + "." + suffix));
    } else {
      checkOther(module.weight(), Shape.of(module.outFeatures(), module.inFeatures()));
    }
  }

  private void checkOther(String name, Shape shape) {
    expected.add(name);
    Optional<ExportTensor> tensor = export.directory().find(name);
    if (tensor.isEmpty()) {
      if (export.directory().isKnownAbsent(name)) {
        findings.error(MISSING_PLAIN, Place.tensor(name), "a tensor " + shape, "absent");
      }
    } else if (!tensor.get().shape().equals(shape) || !tensor.get().dtype().isWideFloat()) {
      findings.error(
          WRONG, tensor.get().place(), "F32, F16 or BF16 " + shape, tensor.get().description());
    }
  }

  private void checkQuantized(LinearModule module, Scheme scheme) {
    long n = module.outFeatures();
    long k = module.inFeatures();
    scheme.parts().forEach(part -> expected.add(module.path() + "." + part.suffix()));
    if (n % scheme.rowMultiple() != 0 || k % scheme.columnMultiple() != 0) {
      findings.error(
          DIVIDES,
          Place.tensor(module.path()),
          "multiples of [%d, %d] for %s"
              .formatted(scheme.rowMultiple(), scheme.columnMultiple(), scheme.label()),
          Shape.of(n, k));
      return;
    }
    for (Part part : scheme.parts()) {
      checkPart(module, scheme, part);
    }
    inspect(module, scheme);
  }

  /** Rules on what tensors of the right types and shapes hold. */
  private void inspect(LinearModule module, Scheme scheme) {
    long n = module.outFeatures();
    long k = module.inFeatures();
    String path = module.path() + ".";
    if (!scheme.isReadable(
        n, k, suffix -> export.directory().find(path + suffix).map(ExportTensor::info))) {
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      Map<String, Tensor> opened = new LinkedHashMap<>();
      scheme
          .inspection()
          .inspect(
              suffix -> {
                export
                    .directory()
                    .find(path + suffix)
                    .ifPresent(tensor -> opened.computeIfAbsent(suffix, key -> tensor.open(arena)));
                return Optional.ofNullable(opened.get(suffix));
              },
              n,
              k,
              (suffix, expected, found) ->
                  findings.error(
                      CONTENT,
                      export
                          .directory()
                          .find(path + suffix)
                          .map(ExportTensor::place)
                          .orElse(Place.tensor(path + suffix)),
                      expected,
                      found));
    }
  }

  private void checkPart(LinearModule module, Scheme scheme, Part part) {
    String name = module.path() + "." + part.suffix();
    List<Shape> shapes = part.dims().of(module.outFeatures(), module.inFeatures());
    String wanted =
        "%s %s of %s"
            .formatted(
                String.join(" or ", part.dtypes().stream().map(Enum::name).sorted().toList()),
                shapes.getFirst(),
                scheme.label());
    Optional<ExportTensor> tensor = export.directory().find(name);
    if (tensor.isEmpty()) {
      if (part.required() && export.directory().isKnownAbsent(name)) {
        findings.error(MISSING, Place.tensor(name), wanted, "absent");
      }
    } else if (!part.accepts(tensor.get().info(), module.outFeatures(), module.inFeatures())) {
      findings.error(WRONG, tensor.get().place(), wanted, tensor.get().description());
    } else {
      try (Arena arena = Arena.ofConfined()) {
        ElementCheck.run(part, tensor.get(), tensor.get().open(arena), findings);
      }
    }
  }

  private void checkUnexpected(Set<String> original) {
    String text = textPrefix();
    Map<String, Integer> outside = new LinkedHashMap<>();
    for (ExportTensor tensor : export.directory().tensors().values()) {
      String name = tensor.name();
      if (expected.contains(name)) {
        continue;
      }
      if (export.config().isMultimodal() && !name.startsWith(text)) {
        outside.merge(name.substring(0, Math.max(name.indexOf('.'), 0)), 1, Integer::sum);
      } else if (SKIPPED.matcher(name).find() || isSpeculativeLayer(name)) {
        findings.note(TOLERATED, tensor.place(), "nothing", tensor.description());
      } else if (name.equals("lm_head.weight") && export.config().isTied()) {
        if (original.contains(name)) {
          findings.note(TIED, tensor.place(), "absent", tensor.description());
        } else {
          findings.error(TIED, tensor.place(), "absent", tensor.description());
        }
      } else {
        findings.error(UNEXPECTED, tensor.place(), "no tensor of this name", tensor.description());
      }
    }
    if (!outside.isEmpty()) {
      findings.note(OTHER_PART, Place.EXPORT, "tensors under " + text, outside);
    }
  }

  /** Layers after the last one predict further tokens; loaders of the main model skip them. */
  private boolean isSpeculativeLayer(String name) {
    return export.config().find("num_nextn_predict_layers").orElse(0) > 0
        && name.startsWith(
            "model.layers." + export.config().find("num_hidden_layers").orElse(0) + ".");
  }

  private String textPrefix() {
    return export.layout().others().keySet().stream()
        .filter(name -> name.endsWith("embed_tokens.weight"))
        .map(name -> name.substring(0, name.length() - "embed_tokens.weight".length()))
        .findFirst()
        .orElse("model.");
  }
}
