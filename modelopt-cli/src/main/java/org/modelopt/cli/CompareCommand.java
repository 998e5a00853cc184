package org.modelopt.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.Function;
import java.util.stream.Stream;
import org.modelopt.report.Report;
import org.modelopt.report.ReportFiles;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Two reports side by side. */
@Command(
    name = "compare",
    description = "Shows the reports of two jobs side by side.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Examples:",
      "  modelopt compare out-fp8.report out-nvfp4.report",
      "  modelopt compare out-fp8.report out-nvfp4.report --html compare.html"
    })
final class CompareCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(
      arity = "2",
      paramLabel = "REPORT",
      description = "Two report.json files, or directories with one.")
  private List<Path> paths = List.of();

  @Option(
      names = "--html",
      paramLabel = "FILE",
      description = "Also write a page that shows both, one file that needs no network.")
  private Optional<Path> html = Optional.empty();

  @Override
  public Integer call() {
    List<Report> reports = paths.stream().map(ReportFiles::read).toList();
    Report first = reports.getFirst();
    Report second = reports.getLast();
    Terminal terminal = Terminal.of(spec);
    row(terminal, reports, "", Report::config);
    row(terminal, reports, "model", Report::model);
    row(terminal, reports, "size", report -> Sizes.bytes(report.size().bytesAfter()));
    row(
        terminal,
        reports,
        "bits per weight",
        report -> "%.3f".formatted(report.size().effectiveBits()));
    Stream.concat(first.evaluations().stream(), second.evaluations().stream())
        .map(Report.Evaluation::name)
        .distinct()
        .forEach(name ->
            row(
                terminal,
                reports,
                name.toLowerCase(Locale.ROOT),
                report -> evaluation(report, name)));
    row(terminal, reports, "largest error", CompareCommand::largestError);
    row(terminal, reports, "warnings", report -> Integer.toString(report.warnings().size()));
    html.ifPresent(file -> {
      write(file, ReportFiles.html(reports));
      terminal.line("");
      terminal.line("page         " + file);
    });
    return 0;
  }

  private static void row(
      Terminal terminal, List<Report> reports, String label, Function<Report, String> value) {
    terminal.line(
        "%-16s %-34s %s"
            .formatted(label, value.apply(reports.getFirst()), value.apply(reports.getLast()))
            .stripTrailing());
  }

  private static String evaluation(Report report, String name) {
    return report.evaluations().stream()
        .filter(found -> found.name().equals(name))
        .findFirst()
        .map(found ->
            found.before().isPresent()
                ? "%.4f (%.4f before)".formatted(found.after(), found.before().getAsDouble())
                : "%.4f".formatted(found.after()))
        .orElse("not measured");
  }

  /** The linear whose output, or else weight, changed most. */
  private static String largestError(Report report) {
    return report.linears().stream()
        .max((a, b) -> Double.compare(error(a), error(b)))
        .filter(linear -> error(linear) >= 0)
        .map(linear -> "%.3g %s".formatted(error(linear), linear.name()))
        .orElse("not measured");
  }

  private static double error(Report.Linear linear) {
    return linear.outputError().orElse(linear.weightError().orElse(-1));
  }

  private static void write(Path file, String page) {
    try {
      Files.writeString(file, page);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write " + file, e);
    }
  }
}
