package org.modelopt.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.modelopt.export.verify.Verifier;
import org.modelopt.export.verify.VerifyOptions;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.export.verify.report.VerifyReport;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Holds a checkpoint against the rules of what shall load it. */
@Command(
    name = "verify",
    description = "Checks an exported checkpoint against the rules of what shall load it.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Examples:",
      "  modelopt verify Llama-3.2-1B-FP8 --for vllm",
      "  modelopt verify Llama-3.2-1B-FP8 --for vllm --for sglang --original Llama-3.2-1B",
      "  modelopt verify llama-q4_k_m.gguf --for llama.cpp --original Llama-3.2-1B"
    })
final class VerifyCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "PATH", description = "The checkpoint directory, or the GGUF file.")
  private Path directory;

  @Option(
      names = "--for",
      paramLabel = "CONSUMER",
      split = ",",
      description =
          "What shall load it: vllm, sglang, trtllm-pytorch, transformers for"
              + " directories, llama.cpp for GGUF files; repeatable.")
  private List<String> consumers = new ArrayList<>();

  @Option(
      names = "--original",
      paramLabel = "DIR",
      description = "The checkpoint it was made from, to compare values with.")
  private @Nullable Path original;

  @Option(names = "--json", description = "Print JSON.")
  private boolean json;

  @Override
  public Integer call() {
    VerifyOptions options = VerifyOptions.of(parsed());
    if (original != null) {
      options = options.withOriginal(original);
    }
    VerifyReport report = Verifier.verify(directory, options);
    Terminal.of(spec).line(json ? report.toJson() : report.toText());
    return report.passed() ? 0 : 1;
  }

  private Consumer[] parsed() {
    return consumers.stream().map(ExportArguments::consumer).toArray(Consumer[]::new);
  }
}
