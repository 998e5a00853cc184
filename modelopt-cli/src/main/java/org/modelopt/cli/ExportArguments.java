package org.modelopt.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.modelopt.config.Config;
import org.modelopt.error.ConfigException;
import org.modelopt.export.Targets;
import org.modelopt.export.unified.ModelOptTarget;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.export.write.Export;
import org.modelopt.export.write.ExportOptions;
import org.modelopt.export.write.ExportResult;
import org.modelopt.export.write.Target;
import org.modelopt.job.JobOptions;
import org.modelopt.publish.Publication;
import org.modelopt.quantize.QuantizedModel;
import picocli.CommandLine.Option;

/** What kinds of checkpoints to write, and where to. */
final class ExportArguments {
  private static final Target DEFAULT_KIND = new ModelOptTarget();

  @Option(
      names = "--export",
      paramLabel = "KIND",
      split = ",",
      description =
          "Kind of checkpoint to write: hf (ModelOpt's), hf-fp8-block, compressed-tensors, autoawq,"
              + " llm-awq, gptq, plain; repeatable. Default: hf.")
  private List<String> kinds = new ArrayList<>();

  @Option(
      names = "--out",
      required = true,
      paramLabel = "DIR",
      description =
          "Where to; must not exist yet or be empty. With several configs or kinds each gets a"
              + " directory of its name in it.")
  private Path out;

  @Option(
      names = "--shard-size",
      paramLabel = "MB",
      description = "Size at which a new shard begins, in 10^6 bytes. Default: 10000.")
  private @Nullable Long shardMegabytes;

  @Option(
      names = "--for",
      paramLabel = "CONSUMER",
      split = ",",
      description =
          "What shall load it; the output is held against its rules and does not appear if they are"
              + " broken: vllm, sglang, trtllm-pytorch, transformers; repeatable. Default: one of"
              + " those that read the format.")
  private List<String> consumers = new ArrayList<>();

  /** Refuses, before work begins, what could not be written in the end. */
  void check(List<Config> configs, long bytes) {
    targets(DEFAULT_KIND);
    checkNames(configs.stream().map(Config::name).toList(), bytes);
  }

  private void checkNames(List<String> names, long bytes) {
    if (shardMegabytes != null && shardMegabytes < 1) {
      throw new ConfigException("--shard-size must be at least 1 but is " + shardMegabytes);
    }
    parsed();
    for (String name : names) {
      if (names.size() > 1 && !name.matches("[A-Za-z0-9_][A-Za-z0-9._+-]*")) {
        throw new ConfigException(
            "config \"%s\" cannot give its name to a directory in %s; call it by letters, digits and _"
                .formatted(name, out));
      }
    }
    Publication.checkDirectory(out, bytes);
  }

  private List<Target> targets(Target otherwise) {
    if (kinds.isEmpty()) {
      return List.of(otherwise);
    }
    return kinds.stream().distinct().map(ExportArguments::target).toList();
  }

  private static Target target(String id) {
    return Targets.find(id)
        .orElseThrow(() ->
            new ConfigException(
                "--export knows %s, not \"%s\"".formatted(String.join(", ", Targets.ids()), id)));
  }

  private Optional<Set<Consumer>> parsed() {
    return consumers.isEmpty()
        ? Optional.empty()
        : Optional.of(
            consumers.stream().map(ExportArguments::consumer).collect(Collectors.toSet()));
  }

  /** The consumer called {@code id}. */
  static Consumer consumer(String id) {
    return Consumer.ofId(id)
        .orElseThrow(() ->
            new ConfigException(
                "--for knows %s, not \"%s\""
                    .formatted(
                        Arrays.stream(Consumer.values())
                            .map(Consumer::id)
                            .collect(Collectors.joining(", ")),
                        id)));
  }

  /**
   * Writes all, or nothing; the results name the directories in their final place. Several kinds of
   * one model are written in one pass over its weights.
   */
  List<ExportResult> write(List<QuantizedModel> quantized, JobOptions options) {
    return write(quantized, DEFAULT_KIND, options);
  }

  /**
   * As {@link #write(List, JobOptions)}.
   *
   * @param otherwise kind to write where the command line names none
   */
  List<ExportResult> write(List<QuantizedModel> quantized, Target otherwise, JobOptions options) {
    List<Target> targets = targets(otherwise);
    if (quantized.size() == 1 && targets.size() == 1) {
      SequencedMap<Path, Target> one = new LinkedHashMap<>();
      one.put(out, targets.getFirst());
      return Export.run(quantized.getFirst(), one, exportOptions(options));
    }
    List<ExportResult> results = new ArrayList<>();
    try (Publication publication = Publication.ofDirectory(out)) {
      for (QuantizedModel one : quantized) {
        Path inside = quantized.size() == 1 ? Path.of("") : Path.of(one.config().name());
        SequencedMap<Path, Target> paths = new LinkedHashMap<>();
        for (Target target : targets) {
          Path path = targets.size() == 1 ? inside : inside.resolve(target.id());
          paths.put(publication.path().resolve(path), target);
        }
        for (ExportResult staged : Export.run(one, paths, exportOptions(options))) {
          results.add(staged.at(out.resolve(publication.path().relativize(staged.path()))));
        }
      }
      publication.commit();
    }
    return results;
  }

  private ExportOptions exportOptions(JobOptions job) {
    ExportOptions options = ExportOptions.defaults().with(job);
    Optional<Set<Consumer>> named = parsed();
    if (named.isPresent()) {
      options = options.checkedFor(named.get());
    }
    return shardMegabytes == null ? options : options.withShardBytes(shardMegabytes * 1_000_000);
  }
}
