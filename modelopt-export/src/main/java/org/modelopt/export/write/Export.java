package org.modelopt.export.write;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import org.modelopt.error.ExportException;
import org.modelopt.export.verify.Verifier;
import org.modelopt.export.verify.VerifyOptions;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.export.verify.report.VerifyReport;
import org.modelopt.publish.DiskSpace;
import org.modelopt.publish.Publication;
import org.modelopt.quantize.QuantizedModel;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes a quantized model as any number of checkpoints in one pass over its weights, checks each,
 * and publishes them. One weight for each thread is in memory at a time, of stacked experts those
 * of one expert.
 */
public final class Export {
  private static final Logger LOG = LoggerFactory.getLogger(Export.class);

  private final QuantizedModel quantized;
  private final ExportOptions options;

  private Export(QuantizedModel quantized, ExportOptions options) {
    this.quantized = quantized;
    this.options = options;
  }

  /** A checkpoint that is under way. */
  private record Pending(Path path, CheckpointPlan plan, Publication publication) {}

  /**
   * Writes, checks and publishes.
   *
   * @param targets what to write where: directories that do not exist yet or are empty; they appear
   *     complete, after all of them were checked
   * @return a result for each target, in their order
   * @throws org.modelopt.error.ConfigException if a target cannot hold what was decided; nothing
   *     was written then
   * @throws ExportException if a path is taken, the disk is full, or the check finds something;
   *     nothing is left behind then
   */
  public static List<ExportResult> run(
      QuantizedModel quantized, SequencedMap<Path, Target> targets, ExportOptions options) {
    return new Export(quantized, options).run(targets);
  }

  private List<ExportResult> run(SequencedMap<Path, Target> targets) {
    Subject subject = Subject.of(quantized, options.shardBytes());
    Deque<Publication> open = new ArrayDeque<>();
    try {
      List<Pending> pending = new ArrayList<>();
      for (Map.Entry<Path, Target> entry : targets.entrySet()) {
        CheckpointPlan plan = entry.getValue().plan(subject);
        Publication publication = Publication.ofDirectory(entry.getKey());
        open.push(publication);
        pending.add(new Pending(entry.getKey(), plan, publication));
      }
      for (Pending one : pending) {
        one.publication().requireFreeBytes(one.plan().files().fileBytes());
      }
      writeTensors(subject, pending);
      List<ExportResult> results = new ArrayList<>();
      for (Pending one : pending) {
        results.add(complete(subject, one));
      }
      pending.forEach(one -> one.publication().commit());
      return results;
    } finally {
      open.forEach(Publication::close);
    }
  }

  private void writeTensors(Subject subject, List<Pending> pending) {
    Deque<CheckpointFiles.Writer> open = new ArrayDeque<>();
    try {
      List<StreamingPass.Running> running = new ArrayList<>();
      for (Pending one : pending) {
        CheckpointFiles.Writer writer = one.plan().files().open(one.publication().path());
        open.push(writer);
        running.add(new StreamingPass.Running(one.plan(), writer));
      }
      StreamingPass.run(subject, running, options.job());
      open.forEach(CheckpointFiles.Writer::finish);
    } finally {
      open.forEach(CheckpointFiles.Writer::close);
    }
  }

  /** Everything but the tensors, and the check. */
  private ExportResult complete(Subject subject, Pending one) {
    Path directory = one.publication().path();
    one.plan().texts().forEach((name, text) -> write(directory.resolve(name), text));
    for (Path file : one.plan().copies()) {
      copy(file, directory);
    }
    VerifyReport report;
    try (Checksums sums = Checksums.begin(directory, options.job().threads())) {
      report = check(subject, directory, one.plan());
      write(
          directory.resolve(ModelCard.FILE),
          ModelCard.of(quantized, one.plan(), report, options.command()));
      write(directory.resolve(Checksums.FILE), sums.lines());
    }
    return new ExportResult(
        one.path(), one.plan().format(), one.plan().files().tensorBytes(), report);
  }

  /**
   * Holds the files against the rules of the format and of consumers. Where the caller named none,
   * one consumer that can load them is enough: some formats ask more of shapes in one than in
   * another.
   */
  private VerifyReport check(Subject subject, Path directory, CheckpointPlan plan) {
    Set<Consumer> consumers = options.consumers().orElseGet(plan::consumers);
    VerifyOptions check =
        VerifyOptions.of(consumers.toArray(Consumer[]::new)).withThreads(options.job().threads());
    // What a quantized checkpoint stands for is nowhere to be read from.
    boolean comparable = subject.model().storedDecisions().isEmpty();
    VerifyReport report =
        Verifier.verify(
            directory,
            options.compareValues() && comparable
                ? check.withOriginal(subject.model().directory())
                : check);
    boolean good =
        options.consumers().isPresent() || consumers.isEmpty()
            ? report.passed()
            : consumers.stream().anyMatch(report::passedFor);
    if (!good) {
      throw new ExportException(
          "the export of %s as %s did not pass its own check and was not published:%n%s"
              .formatted(subject.model().name(), plan.format(), report.toText()));
    }
    List<String> without =
        consumers.stream()
            .filter(consumer -> !report.passedFor(consumer))
            .sorted()
            .map(Consumer::title)
            .toList();
    if (!without.isEmpty()) {
      LOG.warn(
          "{} as {} will not load in {}; the report says why",
          subject.model().name(),
          plan.format(),
          String.join(" and ", without));
    }
    return report;
  }

  private static void copy(Path file, Path directory) {
    try {
      Files.copy(file, directory.resolve(file.getFileName()));
    } catch (IOException e) {
      throw DiskSpace.writeFailure(directory.resolve(file.getFileName()), sizeOf(file), e);
    }
  }

  private static long sizeOf(Path file) {
    try {
      return Files.size(file);
    } catch (IOException e) {
      return 0; // the failure to copy it is reported
    }
  }

  private static void write(Path file, String text) {
    try {
      Files.writeString(file, text, StandardCharsets.UTF_8, StandardOpenOption.CREATE_NEW);
    } catch (IOException e) {
      throw DiskSpace.writeFailure(file, text.length(), e);
    }
  }
}
