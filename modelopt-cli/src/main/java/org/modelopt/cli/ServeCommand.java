package org.modelopt.cli;

import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.models.server.CompletionServer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Serves completions until it is interrupted. */
@Command(
    name = "serve",
    description =
        "Serves completions of a checkpoint, quantized or not, on the loopback address, as OpenAI's"
            + " clients and lm-evaluation-harness ask for them.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Examples:",
      "  modelopt serve --model Llama-3.2-1B-FP8 --port 8000",
      "  lm_eval --model local-completions --tasks arc_easy --model_args \\",
      "      base_url=http://127.0.0.1:8000/v1/completions,model=Llama-3.2-1B-FP8,tokenizer=DIR"
    })
final class ServeCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--model",
      required = true,
      paramLabel = "DIR",
      description = "HuggingFace checkpoint directory.")
  private Path model;

  @Option(
      names = "--port",
      paramLabel = "N",
      defaultValue = "8000",
      description = "Port; 0 for any free one. Default: ${DEFAULT-VALUE}.")
  private int port;

  @Option(
      names = "--max-length",
      paramLabel = "N",
      defaultValue = "2048",
      description = "Tokens of prompt and completion together. Default: ${DEFAULT-VALUE}.")
  private int maxLength;

  @Option(
      names = "--queue",
      paramLabel = "N",
      defaultValue = "64",
      description = "Requests that may wait; more are refused. Default: ${DEFAULT-VALUE}.")
  private int waiting;

  @Option(
      names = "--timeout",
      paramLabel = "SECONDS",
      defaultValue = "600",
      description = "Time for a request, waiting included. Default: ${DEFAULT-VALUE}.")
  private long timeoutSeconds;

  @Mixin private JobArguments job = new JobArguments();

  @Override
  public Integer call() {
    Terminal terminal = Terminal.of(spec);
    var limits = new CompletionServer.Limits(port, maxLength, waiting, timeoutSeconds * 1000);
    try (HfModel opened = Models.load(model);
        CompletionServer server =
            new CompletionServer(
                opened, job.options(terminal.progress(), Optional.empty()), limits)) {
      terminal.line("%s at http://127.0.0.1:%d/v1".formatted(opened.name(), server.port()));
      new CountDownLatch(1).await(); // until the process is ended
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // the end that is meant, in a program that embeds this
    }
    return 0;
  }
}
