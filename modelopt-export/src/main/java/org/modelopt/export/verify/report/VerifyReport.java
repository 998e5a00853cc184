package org.modelopt.export.verify.report;

import java.nio.file.Path;
import java.util.Collections;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * What the verifier found in one export.
 *
 * @param export the directory that was read
 * @param consumers whose rules were applied beside those of the format
 * @param findings errors and notes, in the order they were made
 * @param tensorsChecked number of tensors in the files of the export
 * @param quantized number of weights that are stored quantized
 * @param errors how far each quantized weight is from the original; empty without an original
 */
public record VerifyReport(
    Path export,
    Set<Consumer> consumers,
    List<Finding> findings,
    int tensorsChecked,
    int quantized,
    List<TensorError> errors) {
  /** Copies the collections. */
  public VerifyReport {
    consumers =
        consumers.isEmpty() ? Set.of() : Collections.unmodifiableSet(EnumSet.copyOf(consumers));
    findings = List.copyOf(findings);
    errors = List.copyOf(errors);
  }

  /** Whether there is no finding of severity {@link Severity#ERROR}. */
  public boolean passed() {
    return errorFindings().isEmpty();
  }

  /** Whether no error concerns {@code consumer}. */
  public boolean passedFor(Consumer consumer) {
    return errorFindings().stream().noneMatch(finding -> finding.concerns(consumer));
  }

  /** The findings that fail the verification. */
  public List<Finding> errorFindings() {
    return findings.stream().filter(finding -> finding.severity() == Severity.ERROR).toList();
  }

  /** The findings that do not. */
  public List<Finding> notes() {
    return findings.stream().filter(finding -> finding.severity() == Severity.NOTE).toList();
  }

  /** The quantized weight that is furthest from the original, relative to its size. */
  public Optional<TensorError> worst() {
    return errors.stream().max(Comparator.comparingDouble(TensorError::relative));
  }

  /** One line: tensors checked, quantized weights, findings, worst error. */
  public String summary() {
    return ReportText.summary(this);
  }

  /** All findings for people, many lines; the last one is {@link #summary()}. */
  public String toText() {
    return ReportText.render(this);
  }

  /** The whole report as one JSON object. */
  public String toJson() {
    return ReportJson.render(this);
  }
}
