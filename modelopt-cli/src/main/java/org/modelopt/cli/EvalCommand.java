package org.modelopt.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.modelopt.compute.Precision;
import org.modelopt.error.CheckpointException;
import org.modelopt.error.ConfigException;
import org.modelopt.error.DataException;
import org.modelopt.job.JobOptions;
import org.modelopt.models.HfModel;
import org.modelopt.models.evaluation.EvaluationWindows;
import org.modelopt.models.evaluation.Perplexity;
import org.modelopt.tensor.Tensor;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.node.ObjectNode;

/** Measures perplexity. */
@Command(
    name = "eval",
    description = "Measures the perplexity of a checkpoint, quantized or not.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Text is encoded whole, without special tokens, and cut into windows of one token less than",
      "--sequence-length, each with the begin-of-text token put in front. Rows of a safetensors",
      "file's input_ids are windows as they are.",
      "",
      "Examples:",
      "  modelopt eval --model Llama-3.2-1B --text book.txt --sequence-length 2048",
      "  modelopt eval --model Llama-3.2-1B-FP8 --text rows.safetensors --json"
    })
final class EvalCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Mixin private ModelArgument model = new ModelArgument();

  @Option(
      names = "--text",
      required = true,
      paramLabel = "FILE",
      description = "Text in UTF-8, or a safetensors file with input_ids [n, seq] int32.")
  private Path text;

  @Option(
      names = "--sequence-length",
      paramLabel = "N",
      defaultValue = "512",
      description = "Tokens per window. Default: ${DEFAULT-VALUE}.")
  private int sequenceLength;

  @Option(
      names = "--windows",
      paramLabel = "N",
      defaultValue = "64",
      description = "Windows to measure at most. Default: ${DEFAULT-VALUE}.")
  private int windows;

  @Option(names = "--json", description = "Print JSON.")
  private boolean json;

  @Mixin private JobArguments job = new JobArguments();

  @Override
  public Integer call() {
    Terminal terminal = Terminal.of(spec);
    if (sequenceLength < 2 || windows < 1) {
      throw new ConfigException(
          "--sequence-length must be at least 2 and --windows at least 1, not %d and %d"
              .formatted(sequenceLength, windows));
    }
    JobOptions options = job.options(terminal.progress(json), Optional.of(Precision.FLOAT32));
    try (HfModel opened = model.open()) {
      Perplexity perplexity = Perplexity.measure(opened, samples(opened), options);
      if (json) {
        ObjectNode node = Json.object();
        node.put("model", model.directory().toString());
        node.put("perplexity", perplexity.value());
        node.put("tokens", perplexity.tokens());
        node.put("windows", perplexity.windows());
        node.put("precision", options.precisionFor(opened).name().toLowerCase(Locale.ROOT));
        terminal.line(Json.text(node));
      } else {
        terminal.line(
            String.format(
                Locale.ROOT,
                "perplexity %.4f over %d tokens",
                perplexity.value(),
                perplexity.tokens()));
      }
    }
    return 0;
  }

  private List<Tensor> samples(HfModel opened) {
    if (text.toString().endsWith(".safetensors")) {
      return EvaluationWindows.ofRows(text);
    }
    int beginOfText =
        opened
            .beginOfText()
            .orElseThrow(() ->
                new CheckpointException(
                    model.directory()
                        + ": config.json has no bos_token_id to begin a window with"));
    return EvaluationWindows.ofText(
        read(), opened.textEncoder().orElseThrow(), beginOfText, sequenceLength, windows);
  }

  private String read() {
    try {
      return Files.readString(text);
    } catch (IOException e) {
      throw new DataException(
          text + " cannot be read as UTF-8 text (" + e + "); give a text or safetensors file", e);
    }
  }
}
