package org.modelopt.export.gguf.verify;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.modelopt.compute.Workers;
import org.modelopt.error.CheckpointException;
import org.modelopt.error.ModelOptException;
import org.modelopt.export.gguf.architecture.GgufArchitecture;
import org.modelopt.export.gguf.container.GgufFile;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.TensorError;
import org.modelopt.export.verify.report.VerifyReport;
import org.modelopt.export.verify.report.Violation;
import org.modelopt.formats.ggml.GgmlType;

/** Verifies one GGUF file; an immutable description of what to do. */
public final class GgufVerifier {
  private static final Violation BROKEN =
      new Violation(
          "broken file",
          "llama.cpp reads the header before anything else and stops at the first broken rule",
          "make the file again; if it was copied, compare sizes and checksums");
  private static final Violation ARCHITECTURE =
      new Violation(
          "architecture that is not known",
          "llama.cpp stops at names it does not know; others of its names are not checked here",
          "write one of the architectures that the exporter has");

  private final Path path;
  private final Optional<Path> original;
  private final double slack;
  private final int threads;
  private final long rows;

  private GgufVerifier(Path path, Optional<Path> original, double slack, int threads, long rows) {
    this.path = path;
    this.original = original;
    this.slack = slack;
    this.threads = threads;
    this.rows = rows;
  }

  /** A check of the file alone. */
  public static GgufVerifier of(Path file) {
    int threads = Runtime.getRuntime().availableProcessors();
    return new GgufVerifier(file, Optional.empty(), 1, threads, Long.MAX_VALUE);
  }

  /** A copy that compares metadata and values with the checkpoint in {@code directory}. */
  public GgufVerifier withOriginal(Path directory) {
    return new GgufVerifier(path, Optional.of(directory), slack, threads, rows);
  }

  /** A copy whose bounds on errors are multiplied. */
  public GgufVerifier withSlack(double newSlack) {
    return new GgufVerifier(path, original, newSlack, threads, rows);
  }

  /** A copy with another number of threads. */
  public GgufVerifier withThreads(int newThreads) {
    return new GgufVerifier(path, original, slack, newThreads, rows);
  }

  /** A copy that compares at most so many rows of each tensor, evenly spread. */
  public GgufVerifier withRows(long newRows) {
    return new GgufVerifier(path, original, slack, threads, newRows);
  }

  /**
   * Verifies.
   *
   * @return all that was found; a malformed file is a finding, too
   * @throws CheckpointException if there is no such file, or the original cannot be read
   */
  public VerifyReport run() {
    if (!Files.isRegularFile(path)) {
      throw new CheckpointException(path + ": no such file; name the GGUF file");
    }
    Findings findings = new Findings();
    String name = String.valueOf(path.getFileName());
    GgufFile file;
    try {
      file = GgufFile.open(path);
    } catch (ModelOptException e) {
      findings.error(BROKEN, Place.file(name), "a GGUF file", String.valueOf(e.getMessage()));
      return report(findings, 0, 0, List.of());
    }
    String id = file.findText("general.architecture").orElse("no text");
    Optional<GgufArchitecture> architecture = GgufArchitecture.ofId(id);
    if (architecture.isEmpty()) {
      findings.error(ARCHITECTURE, Place.file(name + " general.architecture"), "a known name", id);
      return report(findings, file.tensors().size(), 0, List.of());
    }
    KeyRules.check(file, architecture.get(), name, findings);
    TokenizerRules.check(file, name, findings);
    TensorRules.check(file, architecture.get(), name, findings);
    List<TensorError> errors = List.of();
    try (Workers workers = new Workers(threads)) {
      BlockRules.check(file, name, workers, findings);
      if (original.isPresent()) {
        OriginalRules rules = new OriginalRules(file, original.get(), name, findings);
        rules.checkMetadata();
        errors = rules.checkValues(slack, rows, workers);
      }
    }
    int blocked = (int) file.tensors().stream().filter(t -> t.type().isBlocked()).count();
    return report(findings, file.tensors().size(), blocked, errors);
  }

  private VerifyReport report(
      Findings findings, int tensors, int quantized, List<TensorError> errors) {
    return new VerifyReport(
        path, Set.of(Consumer.LLAMA_CPP), findings.list(), tensors, quantized, errors);
  }

  /** Whether the type is one that products in llama.cpp read. */
  static boolean isForWeights(GgmlType type) {
    return switch (type) {
      case Q8_1, Q8_K, I8, I16, I32, I64, F64 -> false;
      default -> true;
    };
  }
}
