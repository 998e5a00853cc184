package org.modelopt.export.verify;

import java.util.List;
import java.util.Optional;
import org.modelopt.export.verify.StoredLayers.Storage;
import org.modelopt.export.verify.config.Unquantized;
import org.modelopt.export.verify.consumer.BuiltLayer;
import org.modelopt.export.verify.consumer.ConsumerRules;
import org.modelopt.export.verify.consumer.Exclusion;
import org.modelopt.export.verify.consumer.ExclusionRule;
import org.modelopt.export.verify.consumer.ExportView;
import org.modelopt.export.verify.layout.LinearModule;
import org.modelopt.export.verify.layout.LinearModule.Role;
import org.modelopt.export.verify.layout.LinearModule.Split;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.Violation;

/** Holds how each layer is stored against what a consumer expects from the configuration. */
final class LayerCheck {
  private static final Violation EXCLUDED =
      new Violation(
          "quantized layer that the exclusion list excludes",
          "the consumer builds it unquantized: codes do not fit, scales are unknown names",
          "take the entry that matches it from the list, or narrow it to full names");
  private static final Violation NOT_EXCLUDED =
      new Violation(
          "unquantized layer that is not excluded",
          "the consumer builds it quantized and leaves its scales uninitialised, often in silence",
          "add its full name to the exclusion list of both configurations");
  private static final Violation SPLIT =
      new Violation(
          "layers that are joined when loaded are excluded in part",
          "the consumer stops: all parts of a joined layer must have one precision",
          "list all of its parts, or none");
  private static final Violation UNCERTAIN =
      new Violation(
          "exclusion entry that releases read differently",
          "an entry 'name*' is a pattern for some models and the names 'name' and 'name.*' for"
              + " others",
          "write full names, or 'name.*' for everything below a module");
  private static final Violation HEAD =
      new Violation(
          "quantized output head",
          "the consumer never quantizes it; its scales are unknown names and stop the loader",
          "leave lm_head unquantized and list it");
  private static final Violation HEAD_NOT_LISTED =
      new Violation(
          "lm_head is not excluded",
          "the consumer quantizes the output head unless it is listed",
          "add lm_head to the exclusion list of both configurations");
  private static final Violation ROUTER =
      new Violation(
          "router that is not listed",
          "this consumer leaves it unquantized in any case, others do not",
          "add it to the exclusion list");

  private final ExportView export;
  private final ConsumerRules rules;
  private final ExclusionRule exclusions;

  LayerCheck(ExportView export, ConsumerRules rules) {
    this.export = export;
    this.rules = rules;
    this.exclusions = rules.exclusions(export);
  }

  void run(Findings findings) {
    if (export.settings() instanceof Unquantized || !rules.reads(export.settings())) {
      return;
    }
    for (LinearModule module : export.layout().linears().values()) {
      check(module, findings);
    }
    checkTiedHead(findings);
  }

  private void check(LinearModule module, Findings findings) {
    BuiltLayer layer = BuiltLayer.of(export.layout(), module);
    Storage storage = StoredLayers.of(export.directory(), module.path());
    Place place = Place.tensor(module.path());
    boolean declared = export.settings().scheme(module.path()).isPresent();
    if (storage == Storage.ABSENT || !declared) {
      return;
    }
    Exclusion exclusion = exclusions.of(layer);
    boolean quantized = storage == Storage.QUANTIZED;
    if (quantized && !rules.canQuantize(layer, export)) {
      findings.error(rules.scope(), HEAD, place, "unquantized", "quantized");
    } else if (quantized || rules.quantizes(layer, export)) {
      String expected = quantized ? "not excluded" : "excluded";
      switch (exclusion) {
        case EXCLUDED -> {
          if (quantized) {
            findings.error(rules.scope(), EXCLUDED, place, expected, matching());
          }
        }
        case INCLUDED -> {
          if (!quantized) {
            findings.error(rules.scope(), NOT_EXCLUDED, place, expected, matching());
          }
        }
        case SPLIT ->
            findings.error(
                rules.scope(),
                SPLIT,
                Place.tensor(layer.path()),
                "all or none of " + layer.shards(),
                matching());
        case UNCERTAIN ->
            findings.error(
                rules.scope(),
                UNCERTAIN,
                Place.tensor(layer.path()),
                expected + " in any release",
                matching());
      }
    } else if (exclusion != Exclusion.EXCLUDED && module.role() == Role.ROUTER) {
      findings.note(rules.scope(), ROUTER, place, "excluded", matching());
    }
  }

  /** A head that is the embedding table has no tensor, but must be listed all the same. */
  private void checkTiedHead(Findings findings) {
    boolean hasHead =
        export.layout().linears().values().stream().anyMatch(m -> m.role() == Role.HEAD);
    if (hasHead || !rules.needsHeadExcluded(export.settings())) {
      return;
    }
    LinearModule head =
        new LinearModule("lm_head", 0, 0, Split.COLUMN_PARALLEL, Role.HEAD, Optional.empty());
    BuiltLayer layer = new BuiltLayer(head, head.path(), List.of(head.path()));
    if (exclusions.of(layer) != Exclusion.EXCLUDED) {
      findings.error(
          rules.scope(), HEAD_NOT_LISTED, Place.tensor("lm_head"), "excluded", matching());
    }
  }

  private String matching() {
    return "exclusion list " + export.settings().exclusions();
  }
}
