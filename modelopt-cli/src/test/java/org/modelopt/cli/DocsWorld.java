package org.modelopt.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.modelopt.data.CalibrationData;
import org.modelopt.export.gguf.importance.Importance;
import org.modelopt.job.JobOptions;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.models.pocket.PocketModel;
import org.modelopt.safetensors.SafetensorsLayout;
import org.modelopt.safetensors.SafetensorsWriter;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.TensorInfo;
import picocli.CommandLine;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.OptionSpec;

/**
 * A directory in which the commands of the documents can run: the files and models that they name
 * are there, small, and every path in a command is taken to be in it.
 */
final class DocsWorld {
  private static final int LINES = 4;
  private static final List<String> FEWER = List.of("--samples", "2", "--max-length", "32");

  private final Path model;
  private final Path directory;
  private Path quantized;

  DocsWorld(Path directory) {
    this.directory = directory;
    this.model = PocketModel.extract(directory.resolve("pocket-llama"));
    try {
      String text = PocketModel.evaluationText();
      // In another order, so that no limit is checked on text that was calibrated on.
      List<String> words = Arrays.asList(text.substring(0, 2000).split("[\\s\"\\\\]+"));
      Collections.shuffle(words, new Random(1));
      List<String> samples = new ArrayList<>();
      for (int i = 0; i < LINES; i++) {
        List<String> some = words.subList(i * words.size() / LINES, (i + 1) * words.size() / LINES);
        samples.add("{\"text\": \"" + String.join(" ", some) + "\"}");
      }
      Files.write(directory.resolve("chat.jsonl"), samples);
      for (String name : List.of("book.txt", "fresh.txt", "chats.txt")) {
        Files.writeString(directory.resolve(name), text.substring(0, 20_000));
      }
      tasks();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void tasks() throws IOException {
    Map<String, String> files =
        Map.of(
            "law_test.csv", "What is one?,1,2,3,4,A\n",
            "law_dev.csv", "What is two?,1,2,3,4,B\n".repeat(5),
            "arc.jsonl",
                """
                {"question": "What is wet?", "choices": {"text": ["fire", "water"], \
                "label": ["A", "B"]}, "answerKey": "B"}
                """,
            "hellaswag_val.jsonl",
                """
                {"ctx": "He sits down and", "activity_label": "Resting", \
                "endings": ["rests.", "flies.", "burns.", "melts."], "label": 0}
                """,
            "test.jsonl", "{\"question\": \"1 + 1?\", \"answer\": \"1 + 1 = 2\\n#### 2\"}\n",
            "train.jsonl",
                "{\"question\": \"1 + 2?\", \"answer\": \"1 + 2 = 3\\n#### 3\"}\n".repeat(8),
            "HumanEval.jsonl", "{\"task_id\": \"HumanEval/0\", \"prompt\": \"def one():\\n\"}\n");
    for (Map.Entry<String, String> file : files.entrySet()) {
      Files.writeString(directory.resolve(file.getKey()), file.getValue());
    }
  }

  /** Runs a documented command. */
  CommandRun run(String command) throws IOException {
    String[] parts = command.split(" > ", 2);
    CommandRun run = CommandRun.of(arguments(parts[0]).toArray());
    if (parts.length > 1) {
      Files.writeString(directory.resolve(parts[1].strip()), run.out());
    }
    return run;
  }

  /** Arguments of a documented command, with files that are there. */
  List<String> arguments(String command) throws IOException {
    List<String> words = new ArrayList<>(Arrays.asList(command.strip().split("\\s+")));
    CommandLine known = Main.commandLine().getSubcommands().get(words.getFirst());
    if (known == null) {
      throw new AssertionError("no command " + words.getFirst());
    }
    List<String> arguments = new ArrayList<>(List.of(words.getFirst()));
    ArgSpec option = null;
    for (String word : words.subList(1, words.size())) {
      String value = word.replaceAll("^[\"']|[\"']$", "");
      if (word.startsWith("--")) {
        option = known.getCommandSpec().findOption(word);
        arguments.add(word);
        if (option == null || option.arity().max() == 0) {
          option = null;
        }
        continue;
      }
      ArgSpec spec =
          option != null ? option : known.getCommandSpec().positionalParameters().getFirst();
      arguments.add(located(spec, value));
      option = null;
    }
    if (known.getCommandSpec().findOption("--samples") != null
        && !words.contains("--calib")
        && !words.contains("--statistics")
        && !words.contains("--samples")) {
      arguments.addAll(FEWER);
    }
    return arguments;
  }

  private String located(ArgSpec spec, String value) throws IOException {
    boolean path = Arrays.asList(spec.auxiliaryTypes()).contains(Path.class);
    boolean recipe = spec instanceof OptionSpec o && o.longestName().equals("--recipe");
    if (!path && !(recipe && value.endsWith(".yaml"))) {
      return value;
    }
    int equals = value.indexOf('=');
    String name = value.substring(equals + 1);
    Path located = directory.resolve(name);
    boolean output = spec instanceof OptionSpec o && isOutput(o.longestName());
    if (!output && !Files.exists(located)) {
      supply(name, located);
    }
    return value.substring(0, equals + 1) + located;
  }

  private static boolean isOutput(String option) {
    return List.of("--out", "--html", "--job-dir", "--work-dir").contains(option);
  }

  /** What a document names without having made it. */
  private void supply(String name, Path located) throws IOException {
    if (name.endsWith(".report")) {
      copy(Path.of(quantizedModel() + ".report"), located);
    } else if (name.matches("OUT|out|.*-(FP8|NVFP4|INT4)")) {
      copy(quantizedModel(), located);
    } else if (name.matches("DIR|MODEL|[A-Z]\\w+(-[0-9][0-9.]*)?-[0-9x.]+B")) {
      copy(model, located);
    } else if (name.equals("imatrix.gguf")) {
      weights(located);
    } else if (name.endsWith(".gguf")) {
      require(CommandRun.of("convert", "--model", model, "--to", "gguf", "--out", located));
    } else if (name.endsWith(".yaml")) {
      Files.writeString(located, "metadata: {name: mine}\nbase: FP8_DEFAULT\n");
    } else if (name.equals("model.safetensors")) {
      Files.copy(model.resolve(name), located);
    } else if (name.endsWith(".safetensors")) {
      tokens(located);
    } else {
      throw new AssertionError(
          "a document names " + name + ", which the test does not know how to make");
    }
  }

  private Path quantizedModel() {
    if (quantized == null) {
      quantized = directory.resolve("supplied");
      require(CommandRun.quantize(model, quantized));
    }
    return quantized;
  }

  private static void require(CommandRun run) {
    if (run.exit() != 0) {
      throw new AssertionError(run.err());
    }
  }

  /** An importance matrix of the model. */
  private void weights(Path file) {
    try (HfModel opened = Models.load(model)) {
      CalibrationData data = CalibrationData.file(directory.resolve("chat.jsonl"));
      Importance.of(opened, data, JobOptions.defaults()).write(file);
    }
  }

  /** Rows of token ids. */
  private static void tokens(Path file) {
    TensorInfo info = new TensorInfo("input_ids", DType.I32, Shape.of(2, 32));
    try (Arena arena = Arena.ofConfined();
        SafetensorsWriter writer =
            SafetensorsWriter.create(file, SafetensorsLayout.of(List.of(info)))) {
      int[] ids = IntStream.range(0, 64).toArray();
      writer.write(info.name(), arena.allocateFrom(ValueLayout.JAVA_INT, ids));
      writer.finish();
    }
  }

  private static void copy(Path from, Path to) throws IOException {
    Files.createDirectories(to);
    try (Stream<Path> files = Files.list(from)) {
      for (Path file : files.toList()) {
        Files.copy(file, to.resolve(file.getFileName()));
      }
    }
  }
}
