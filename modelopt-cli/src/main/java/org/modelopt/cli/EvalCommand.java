package org.modelopt.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.modelopt.compute.Backend;
import org.modelopt.compute.Precision;
import org.modelopt.error.ConfigException;
import org.modelopt.job.JobOptions;
import org.modelopt.job.Pass;
import org.modelopt.job.Session;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.models.evaluation.Divergence;
import org.modelopt.models.evaluation.EvaluationWindows;
import org.modelopt.models.evaluation.Perplexity;
import org.modelopt.models.evaluation.Speculation;
import org.modelopt.models.generation.TextGenerator;
import org.modelopt.models.task.HumanEval;
import org.modelopt.models.task.TaskRunner;
import org.modelopt.models.task.TaskScore;
import org.modelopt.models.text.SameTokens;
import org.modelopt.tensor.Tensor;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.node.ObjectNode;

/** Measures how good a checkpoint is. */
@Command(
    name = "eval",
    description =
        "Measures a checkpoint, quantized or not: perplexity, divergence from the original, or"
            + " accuracy in a task.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Text is encoded whole, without special tokens, and cut into windows of one token less than",
      "--sequence-length, each with the begin-of-text token put in front. Rows of a safetensors",
      "file's input_ids are windows as they are.",
      "",
      "Examples:",
      "  modelopt eval --model Llama-3.2-1B --text book.txt --sequence-length 2048",
      "  modelopt eval --model Llama-3.2-1B-FP8 --text rows.safetensors --json",
      "  modelopt eval --model Llama-3.2-1B-FP8 --original Llama-3.2-1B --text book.txt",
      "  modelopt eval --model Llama-3.2-1B-FP8 --task gsm8k --data test.jsonl --examples"
          + " train.jsonl",
      "  modelopt eval --model Llama-3.1-8B --draft Llama-3.2-1B-FP8 --text chats.txt",
      "  modelopt eval --model Llama-3.2-1B-FP8 --text book.txt --json > baseline.json",
      "  modelopt eval --model Llama-3.2-1B-FP8 --text fresh.txt --against baseline.json"
    })
final class EvalCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Mixin private ModelArgument model = new ModelArgument();

  @Option(
      names = "--text",
      paramLabel = "FILE",
      description = "Text in UTF-8, or a safetensors file with input_ids [n, seq] int32.")
  private @Nullable Path text;

  @Option(
      names = "--original",
      paramLabel = "DIR",
      description = "Compare with this checkpoint: KL divergence, same top token, flips.")
  private @Nullable Path original;

  @Option(
      names = "--task",
      paramLabel = "NAME",
      description = "Answer questions instead: mmlu, arc, hellaswag, gsm8k, humaneval.")
  private @Nullable String task;

  @Option(
      names = "--data",
      paramLabel = "FILE",
      description = "The task's questions, in the layout in which they are published.")
  private @Nullable Path data;

  @Option(
      names = "--examples",
      paramLabel = "FILE",
      description = "Solved examples shown before each question: 5 for mmlu, 8 for gsm8k.")
  private @Nullable Path examples;

  @Option(
      names = "--limit",
      paramLabel = "N",
      defaultValue = "2147483647",
      description = "Questions at most. Default: all.")
  private int limit;

  @Option(
      names = "--out",
      paramLabel = "FILE",
      description = "Where humaneval's completions are written.")
  private @Nullable Path out;

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

  @Option(
      names = "--draft",
      paramLabel = "DIR",
      description =
          "Estimate how much of what this draft model proposes --model would accept in speculative"
              + " decoding.")
  private @Nullable Path draft;

  @Option(
      names = "--drafted",
      paramLabel = "N",
      defaultValue = "4",
      description = "Tokens that the draft proposes at a time. Default: ${DEFAULT-VALUE}.")
  private int drafted;

  @Mixin private BaselineArguments baseline = new BaselineArguments();

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
    Optional<Baseline> compared = baseline.read();
    JobOptions options = job.options(terminal.progress(json), Optional.of(Precision.FLOAT32));
    try (HfModel opened = model.open()) {
      if (task != null && task.equals("humaneval")) {
        complete(opened, options, terminal);
        return 0;
      }
      Measurement measured = measure(opened, options);
      terminal.line(json ? Json.text(measured.figures()) : measured.text());
      compared.ifPresent(before -> {
        before.check(measured.figures());
        if (!json) {
          terminal.line("no drift from " + before.file());
        }
      });
    }
    return 0;
  }

  private Measurement measure(HfModel opened, JobOptions options) {
    if (task != null) {
      return answers(opened, options);
    }
    if (original != null) {
      return divergence(opened, options);
    }
    if (draft != null) {
      return acceptance(opened, options);
    }
    Perplexity perplexity = Perplexity.measure(opened, samples(opened), options);
    ObjectNode node = node();
    node.put("perplexity", perplexity.value());
    node.put("tokens", perplexity.tokens());
    node.put("windows", perplexity.windows());
    node.put("precision", options.precisionFor(opened).name().toLowerCase(Locale.ROOT));
    return new Measurement(
        node,
        String.format(
            Locale.ROOT,
            "perplexity %.4f over %d tokens",
            perplexity.value(),
            perplexity.tokens()));
  }

  private ObjectNode node() {
    return Json.object().put("model", model.directory().toString());
  }

  private List<Tensor> samples(HfModel opened) {
    if (text == null) {
      throw new ConfigException("give --text FILE, or --task with its --data");
    }
    if (text.toString().endsWith(".safetensors")) {
      return EvaluationWindows.ofRows(text);
    }
    return EvaluationWindows.ofText(
        EvalText.read(text),
        opened.tokenizer(),
        EvalText.beginOfText(opened),
        sequenceLength,
        windows);
  }

  private Measurement divergence(HfModel opened, JobOptions options) {
    try (HfModel reference = Models.load(Objects.requireNonNull(original))) {
      Divergence divergence = Divergence.measure(reference, opened, samples(opened), options);
      ObjectNode node = node();
      node.put("original", String.valueOf(original));
      node.put("kl", divergence.meanKl());
      node.put("top_agreement", divergence.topAgreement());
      node.put("flips", divergence.flips());
      node.put("positions", divergence.positions());
      node.put("perplexity", divergence.perplexity());
      node.put("original_perplexity", divergence.originalPerplexity());
      return new Measurement(
          node,
          String.format(
              Locale.ROOT,
              "perplexity %.4f, original %.4f (%+.3f%%)%nKL divergence %.6f nats, same top token"
                  + " %.3f%%, %d flips over %d positions",
              divergence.perplexity(),
              divergence.originalPerplexity(),
              divergence.perplexityIncreasePercent(),
              divergence.meanKl(),
              100 * divergence.topAgreement(),
              divergence.flips(),
              divergence.positions()));
    }
  }

  private Measurement acceptance(HfModel target, JobOptions options) {
    if (drafted < 1) {
      throw new ConfigException("--drafted must be at least 1 but is " + drafted);
    }
    try (HfModel proposing = Models.load(Objects.requireNonNull(draft))) {
      SameTokens.require(target.directory(), proposing.directory());
      Divergence divergence = Divergence.measure(target, proposing, samples(target), options);
      Speculation speculation = Speculation.of(divergence);
      double sampling = Speculation.tokensPerPass(speculation.sampling(), drafted);
      double greedy = Speculation.tokensPerPass(speculation.greedy(), drafted);
      ObjectNode node = node();
      node.put("draft", String.valueOf(draft));
      node.put("acceptance_sampling", speculation.sampling());
      node.put("acceptance_greedy", speculation.greedy());
      node.put("drafted", drafted);
      node.put("tokens_per_pass_sampling", sampling);
      node.put("tokens_per_pass_greedy", greedy);
      node.put("positions", divergence.positions());
      return new Measurement(
          node,
          String.format(
              Locale.ROOT,
              "accepted %.2f%% of the draft's tokens sampling, %.2f%% greedy, over %d"
                  + " positions%nwith %d drafted, an estimated %.2f tokens per pass of the target"
                  + " sampling, %.2f greedy",
              100 * speculation.sampling(),
              100 * speculation.greedy(),
              divergence.positions(),
              drafted,
              sampling,
              greedy));
    }
  }

  private Path questions() {
    if (data == null) {
      throw new ConfigException("--task " + task + " needs its questions: --data FILE");
    }
    return data;
  }

  private Measurement answers(HfModel opened, JobOptions options) {
    String name = Objects.requireNonNull(task);
    Path questions = questions();
    try (Backend backend = options.openBackend()) {
      TaskScore score =
          new TaskRunner(name, questions, Optional.ofNullable(examples), limit)
              .run(opened, Pass.of(opened, backend, options), options);
      ObjectNode node = node();
      node.put("task", name);
      node.put("accuracy", score.accuracy());
      node.put("accuracy_by_length", score.accuracyByLength());
      node.put("items", score.items());
      return new Measurement(
          node,
          String.format(
              Locale.ROOT,
              "%s: accuracy %.4f, by length %.4f, %d questions",
              name,
              score.accuracy(),
              score.accuracyByLength(),
              score.items()));
    }
  }

  private void complete(HfModel opened, JobOptions options, Terminal terminal) {
    Path questions = questions();
    if (out == null) {
      throw new ConfigException("--task humaneval needs --out FILE for the completions");
    }
    try (Backend backend = options.openBackend();
        Session session = Session.open(opened, Pass.of(opened, backend, options))) {
      int count =
          HumanEval.complete(
              questions,
              out,
              limit,
              new TextGenerator(session, opened.tokenizer(), 4096),
              opened.tokenizer(),
              TextGenerator.endTokens(opened),
              512);
      terminal.line(
          "%d completions in %s; run them with the task's own harness".formatted(count, out));
    }
  }
}
