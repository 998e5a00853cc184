package org.modelopt.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.modelopt.config.Config;
import org.modelopt.error.ConfigException;
import org.modelopt.error.ExportException;
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
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** What kinds of checkpoints to write, and where to. */
final class ExportArguments {
  private static final String GGUF = "gguf";
  private static final Target DEFAULT_KIND = new ModelOptTarget();

  @Option(
      names = "--export",
      paramLabel = "KIND",
      split = ",",
      description =
          "Kind of checkpoint to write: hf (ModelOpt's), hf-fp8-block, hf-mxfp4 (gpt-oss),"
              + " compressed-tensors, autoawq, llm-awq, gptq, trtllm, plain, gguf; repeatable."
              + " Default: hf.")
  private List<String> kinds = new ArrayList<>();

  @Option(
      names = "--out",
      required = true,
      paramLabel = "DIR",
      description =
          "Where to; must not exist yet or be empty. With several configs or kinds each gets a"
              + " directory of its name in it. A file where only GGUF is written.")
  private Path out;

  @Option(
      names = "--shard-size",
      paramLabel = "MB",
      description = "Size at which a new shard begins, in 10^6 bytes. Default: 10000.")
  private @Nullable Long shardMegabytes;

  @Option(
      names = "--tp",
      paramLabel = "N",
      defaultValue = "1",
      description = "GPUs that share each layer, for trtllm. Default: ${DEFAULT-VALUE}.")
  private int tensorParallel = 1;

  @Option(
      names = "--pp",
      paramLabel = "N",
      defaultValue = "1",
      description = "Stages of consecutive layers, for trtllm. Default: ${DEFAULT-VALUE}.")
  private int pipelineParallel = 1;

  @Option(
      names = "--for",
      paramLabel = "CONSUMER",
      split = ",",
      description =
          "What shall load it; the output is held against its rules and does not appear if they are"
              + " broken: vllm, sglang, trtllm-pytorch, trtllm, transformers; repeatable. Default:"
              + " one of those that read the format.")
  private List<String> consumers = new ArrayList<>();

  private boolean comparing = true;

  /** Options that change where and how fast, but not what. */
  private static final Set<String> ELSEWHERE =
      Set.of("--job-dir", "--resume", "--work-dir", "--threads", "--activation-memory");

  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

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

  /** The file that {@code --out} names where GGUF alone is exported. */
  Path ggufFile() {
    if (shardMegabytes != null || !consumers.isEmpty()) {
      throw new ConfigException("a GGUF file has no shards and is for llama.cpp alone");
    }
    return out;
  }

  /** The file that {@code --out} names, for a kind that is one file and nothing beside it. */
  Path file() {
    if (!kinds.isEmpty() || shardMegabytes != null || !consumers.isEmpty()) {
      throw new ConfigException(
          "a GGUF file is written alone: leave out --export, --shard-size and --for");
    }
    return out;
  }

  private List<Target> targets(Target otherwise) {
    if (kinds.isEmpty()) {
      return List.of(otherwise);
    }
    return kinds.stream().filter(kind -> !kind.equals(GGUF)).distinct().map(this::target).toList();
  }

  /** Whether a GGUF file is all that is asked for. */
  boolean isGgufAlone() {
    return !kinds.isEmpty() && kinds.stream().allMatch(GGUF::equals);
  }

  /** Writes a GGUF file of a model. */
  @FunctionalInterface
  interface GgufWriter {
    /** Writes {@code file}, which does not exist yet. */
    ExportResult write(QuantizedModel quantized, Path file);
  }

  private Target target(String id) {
    return Targets.find(id, tensorParallel, pipelineParallel)
        .orElseThrow(() ->
            new ConfigException(
                "--export knows %s, gguf, not \"%s\""
                    .formatted(String.join(", ", Targets.ids()), id)));
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
  List<ExportResult> write(List<QuantizedModel> quantized, JobOptions options, GgufWriter gguf) {
    return write(quantized, DEFAULT_KIND, options, Optional.of(gguf));
  }

  /** As {@link #write(List, JobOptions, GgufWriter)}, without GGUF files. */
  List<ExportResult> write(List<QuantizedModel> quantized, JobOptions options) {
    return write(quantized, DEFAULT_KIND, options);
  }

  /**
   * As {@link #write(List, JobOptions)}.
   *
   * @param otherwise kind to write where the command line names none
   */
  List<ExportResult> write(List<QuantizedModel> quantized, Target otherwise, JobOptions options) {
    if (kinds.contains(GGUF)) {
      throw new ConfigException(
          "--export gguf belongs to modelopt quantize; convert has --to gguf");
    }
    return write(quantized, otherwise, options, Optional.empty());
  }

  private List<ExportResult> write(
      List<QuantizedModel> quantized,
      Target otherwise,
      JobOptions options,
      Optional<GgufWriter> writer) {
    List<Target> targets = targets(otherwise);
    Optional<GgufWriter> gguf = writer.filter(w -> kinds.contains(GGUF));
    boolean single = targets.size() + (gguf.isPresent() ? 1 : 0) == 1;
    if (quantized.size() == 1 && single) {
      if (gguf.isPresent()) {
        return List.of(gguf.get().write(quantized.getFirst(), out));
      }
      SequencedMap<Path, Target> one = new LinkedHashMap<>();
      one.put(out, targets.getFirst());
      return Export.run(quantized.getFirst(), one, exportOptions(options));
    }
    List<ExportResult> results = new ArrayList<>();
    try (Publication publication = Publication.ofDirectory(out)) {
      for (QuantizedModel one : quantized) {
        Path inside = quantized.size() == 1 ? Path.of("") : Path.of(one.config().name());
        Path base = publication.path();
        SequencedMap<Path, Target> paths = new LinkedHashMap<>();
        for (Target target : targets) {
          paths.put(base.resolve(single ? inside : inside.resolve(target.id())), target);
        }
        List<ExportResult> staged = new ArrayList<>();
        if (!paths.isEmpty()) {
          staged.addAll(Export.run(one, paths, exportOptions(options)));
        }
        Path file = base.resolve(inside).resolve("model.gguf");
        gguf.ifPresent(write -> staged.add(write.write(one, inDirectory(file))));
        for (ExportResult result : staged) {
          results.add(result.at(out.resolve(base.relativize(result.path()))));
        }
      }
      publication.commit();
    }
    return results;
  }

  private static Path inDirectory(Path file) {
    try {
      Files.createDirectories(Objects.requireNonNull(file.getParent()));
      return file;
    } catch (IOException e) {
      throw new ExportException(file.getParent() + " cannot be made: " + e.getMessage(), e);
    }
  }

  /** Leaves the comparison of values with the original out of the check before publishing. */
  void compareNoValues() {
    comparing = false;
  }

  /** How to make the same again: without what does not change the result. */
  private String commandLine() {
    StringBuilder line = new StringBuilder("modelopt");
    List<String> arguments = command.commandLine().getParseResult().originalArgs();
    for (int i = 0; i < arguments.size(); i++) {
      String argument = arguments.get(i);
      String option = argument.replaceFirst("=.*", "");
      boolean joined = !option.equals(argument);
      if (option.equals("--out")) {
        line.append(" --out OUT");
        i += joined ? 0 : 1;
      } else if (ELSEWHERE.contains(option)) {
        i += joined || option.equals("--resume") ? 0 : 1;
      } else {
        line.append(' ')
            .append(argument.matches("[\\w./,:=+-]+") ? argument : "'" + argument + "'");
      }
    }
    return line.toString();
  }

  private ExportOptions exportOptions(JobOptions job) {
    ExportOptions options = ExportOptions.defaults().with(job).madeBy(commandLine());
    if (!comparing) {
      options = options.withoutComparison();
    }
    Optional<Set<Consumer>> named = parsed();
    if (named.isPresent()) {
      options = options.checkedFor(named.get());
    }
    return shardMegabytes == null ? options : options.withShardBytes(shardMegabytes * 1_000_000);
  }
}
