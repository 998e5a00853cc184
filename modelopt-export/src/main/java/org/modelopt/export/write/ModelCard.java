package org.modelopt.export.write;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.export.verify.report.TensorError;
import org.modelopt.export.verify.report.VerifyReport;
import org.modelopt.quantize.QuantizedModel;
import org.modelopt.version.Version;

/** The file {@code README.md} of an export: what it is, how good it is, and how to serve it. */
final class ModelCard {
  static final String FILE = "README.md";

  private ModelCard() {}

  static String of(
      QuantizedModel quantized,
      CheckpointPlan plan,
      VerifyReport report,
      Optional<String> command) {
    List<String> lines = new ArrayList<>();
    String name = quantized.model().name();
    lines.add("# " + name + ", " + plan.format());
    lines.add("");
    lines.add("Made from `%s` by ModelOpt for the JVM %s.".formatted(name, Version.current()));
    lines.add("");
    command.ifPresent(line -> {
      lines.add("```");
      lines.add(line);
      lines.add("```");
      lines.add("");
    });
    lines.add("| | |");
    lines.add("|---|---|");
    row(lines, "format", plan.format());
    row(lines, "config", quantized.config().name());
    row(lines, "algorithm", quantized.config().algorithm().toString());
    row(
        lines,
        "calibrated on",
        quantized
            .samples()
            .map(set ->
                String.format(
                    Locale.ROOT,
                    "%,d samples, %,d tokens of `%s`",
                    set.samples().size(),
                    set.tokens(),
                    set.source()))
            .orElse("nothing: the format needs no data"));
    row(
        lines,
        "size of tensors",
        String.format(Locale.ROOT, "%,d bytes", plan.files().tensorBytes()));
    row(lines, "verified", report.summary().replace("|", "\\|"));
    lines.add("");
    quality(lines, report);
    lines.add("## Serving");
    lines.add("");
    Set<Consumer> all = report.consumers();
    if (all.isEmpty()) {
      lines.add("No server that is known here loads this format from these files.");
    }
    for (Consumer consumer : all) {
      if (report.passedFor(consumer)) {
        lines.add(
            "- %s (rules of %s): `%s`"
                .formatted(
                    consumer.title(), ServeCommands.state(consumer), ServeCommands.of(consumer)));
      } else {
        lines.add(
            "- %s does not load it; `modelopt verify DIR --for %s` says why"
                .formatted(consumer.title(), consumer.id()));
      }
    }
    lines.add("");
    lines.add("`sha256sum --check " + Checksums.FILE + "` tells whether all files arrived.");
    return String.join("\n", lines) + "\n";
  }

  private static void row(List<String> lines, String label, String value) {
    lines.add("| " + label + " | " + value + " |");
  }

  /** Distance of weights from the original, where they were compared. */
  private static void quality(List<String> lines, VerifyReport report) {
    List<TensorError> errors = report.errors();
    if (errors.isEmpty()) {
      return;
    }
    double mean = errors.stream().mapToDouble(TensorError::relative).average().orElse(0);
    TensorError worst = report.worst().orElseThrow();
    lines.add("## Distance of the weights from the original");
    lines.add("");
    lines.add("| | relative error | signal to noise |");
    lines.add("|---|---|---|");
    lines.add(
        String.format(
            Locale.ROOT,
            "| mean of %d weights | %.4f | %.1f dB |",
            errors.size(),
            mean,
            -20 * Math.log10(mean)));
    lines.add(
        String.format(
            Locale.ROOT,
            "| worst, `%s` | %.4f | %.1f dB |",
            worst.tensor(),
            worst.relative(),
            worst.sqnrDecibel()));
    lines.add("");
  }
}
