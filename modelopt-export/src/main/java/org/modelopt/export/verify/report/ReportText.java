package org.modelopt.export.verify.report;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** A report for people. */
final class ReportText {
  /** A systematic mistake repeats in every layer; this many say as much as all. */
  private static final int PLACES_SHOWN = 6;

  private ReportText() {}

  /** Findings that differ in their place only are told together. */
  private record Kind(Severity severity, Set<Consumer> consumers, String what, String why) {}

  static String render(VerifyReport report) {
    Map<Kind, List<Finding>> kinds = new LinkedHashMap<>();
    for (Finding finding : report.findings()) {
      Kind kind = new Kind(finding.severity(), finding.consumers(), finding.what(), finding.why());
      kinds.computeIfAbsent(kind, k -> new ArrayList<>()).add(finding);
    }
    StringBuilder out = new StringBuilder();
    kinds.forEach((kind, findings) -> append(out, kind, findings));
    return out.append(summary(report)).append('\n').toString();
  }

  private static void append(StringBuilder out, Kind kind, List<Finding> findings) {
    out.append(kind.severity()).append(' ').append(kind.what());
    if (!kind.consumers().isEmpty()) {
      out.append(
          kind.consumers().stream()
              .map(Consumer::title)
              .collect(Collectors.joining(", ", " [", "]")));
    }
    out.append('\n');
    for (Finding finding : findings.subList(0, Math.min(PLACES_SHOWN, findings.size()))) {
      out.append("  ").append(finding.where()).append('\n');
      line(out, "    expected: ", finding.expected());
      line(out, "    found:    ", finding.found());
    }
    if (findings.size() > PLACES_SHOWN) {
      out.append("  and ").append(findings.size() - PLACES_SHOWN).append(" more places\n");
    }
    line(out, "  why: ", kind.why());
    line(out, "  do:  ", findings.getFirst().remedy());
  }

  private static void line(StringBuilder out, String label, String text) {
    if (!text.isEmpty()) {
      out.append(label).append(text).append('\n');
    }
  }

  static String summary(VerifyReport report) {
    String worst =
        report
            .worst()
            .map(e ->
                String.format(Locale.ROOT, "worst rel error %.4g at %s", e.relative(), e.tensor()))
            .orElse("values not compared");
    return String.format(
        Locale.ROOT,
        "checked %d tensors, %d quantized, %d findings, %s",
        report.tensorsChecked(),
        report.quantized(),
        report.errorFindings().size(),
        worst);
  }
}
