package org.modelopt.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.modelopt.error.ConfigException;
import org.modelopt.models.evaluation.Guardrail;
import picocli.CommandLine.Option;

/** An earlier evaluation to compare with, and how far from it is too far. */
final class BaselineArguments {
  private static final List<String> LIMITS = List.of("perplexity:5", "kl:0.05");

  @Option(
      names = "--against",
      paramLabel = "FILE",
      description =
          "Compare with what an earlier eval --json printed; the exit code is 1 if it has become"
              + " worse by more than --drift allows.")
  private @Nullable Path file;

  @Option(
      names = "--drift",
      paramLabel = "NAME:LIMIT",
      description =
          "How much worse it may be: perplexity:PERCENT, kl:NATS, TASK:POINTS; repeatable."
              + " Default: perplexity:5, kl:0.05, 2 points of a task.")
  private List<String> limits = new ArrayList<>();

  /** The baseline, if one is named. */
  Optional<Baseline> read() {
    if (file == null) {
      if (!limits.isEmpty()) {
        throw new ConfigException("--drift needs --against FILE, what to compare with");
      }
      return Optional.empty();
    }
    List<String> texts = limits.isEmpty() ? LIMITS : limits;
    return Optional.of(Baseline.read(file, texts.stream().map(Guardrail::parse).toList()));
  }
}
