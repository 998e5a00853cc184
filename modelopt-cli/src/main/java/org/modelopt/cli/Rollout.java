package org.modelopt.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.modelopt.error.ExportException;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.export.verify.report.VerifyReport;
import org.modelopt.export.write.ExportResult;

/**
 * What stands between an export and production: what the job has verified itself, and what only
 * whoever operates the model can.
 *
 * @param verified what is done
 * @param open what remains
 */
record Rollout(List<String> verified, List<String> open) {
  private static final String FILE = "rollout.md";

  /**
   * The checklist for one export.
   *
   * @param original directory of the checkpoint that was quantized
   * @param guards limits that the quantized model kept, as they were given
   */
  static Rollout of(Path original, ExportResult export, List<String> guards) {
    VerifyReport report = export.report();
    List<String> verified = new ArrayList<>();
    List<String> open = new ArrayList<>();
    verified.add(
        "%,d tensors follow the rules of %s"
            .formatted(
                report.tensorsChecked(),
                report.consumers().isEmpty()
                    ? "the format"
                    : report.consumers().stream()
                        .map(Consumer::title)
                        .collect(Collectors.joining(", "))));
    report
        .worst()
        .ifPresent(worst ->
            verified.add(
                String.format(
                    Locale.ROOT,
                    "%,d quantized weights were read back and compared with the original, the worst"
                        + " error is %.2f%%",
                    report.errors().size(),
                    100 * worst.relative())));
    if (guards.isEmpty()) {
      open.add(
          "quality: no limit was set; compare by: modelopt eval --model %s --original %s --text FILE"
              .formatted(export.path(), original));
    } else {
      verified.add("limits kept before publishing: " + String.join(", ", guards));
    }
    open.add("copies: after copying the files, run: sha256sum -c SHA256SUMS");
    open.add(
        "shadow traffic: send the same requests to this and to the original, compare answers and"
            + " errors before users see them");
    open.add("fallback: keep the original ready, and try the toggle that goes back to it");
    open.add(
        "latency: measure time to the first token and between tokens at the expected load against"
            + " your budget");
    open.add(
        "drift: modelopt eval --model %s --text FRESH --json > baseline.json now, and with --against baseline.json on a schedule"
            .formatted(export.path()));
    return new Rollout(verified, open);
  }

  /** One line for each item. */
  List<String> lines() {
    List<String> lines = new ArrayList<>();
    verified.forEach(item -> lines.add("- [x] " + item));
    open.forEach(item -> lines.add("- [ ] " + item));
    return lines;
  }

  /** Writes the list beside the report in {@code directory}. */
  void write(Path directory) {
    try {
      Files.writeString(
          directory.resolve(FILE), "# Rollout\n\n" + String.join("\n", lines()) + "\n");
    } catch (IOException e) {
      throw new ExportException(directory.resolve(FILE) + " cannot be written: " + e, e);
    }
  }
}
