package org.modelopt.cli;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** Files and checkpoints with one thing wrong each, by name. */
final class Broken {
  private static final String CONFIG = "config.json";
  private static final String WEIGHTS = "model.safetensors";
  private static final String TOKENIZER = "tokenizer.json";

  private final Path directory;
  private final Path model;

  Broken(Path directory, Path model) throws IOException {
    this.directory = Files.createDirectories(directory);
    this.model = model;
    checkpoints();
    calibration();
    recipes();
  }

  /** Where the thing of this name is, or would be. */
  Path path(String name) {
    return directory.resolve(name);
  }

  private void checkpoints() throws IOException {
    Files.delete(copy("no-config").resolve(CONFIG));
    write(copy("config-not-json").resolve(CONFIG), "{\"model_type\":\n");
    change("unknown-type", "LlamaForCausalLM", "Mamba9ForCausalLM");
    Files.delete(copy("no-weights").resolve(WEIGHTS));
    Path pickled = copy("pickled");
    Files.move(pickled.resolve(WEIGHTS), pickled.resolve("pytorch_model.bin"));
    write(
        copy("lfs-pointer").resolve(WEIGHTS),
        "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n");
    try (RandomAccessFile file =
        new RandomAccessFile(copy("truncated").resolve(WEIGHTS).toFile(), "rw")) {
      file.setLength(file.length() - 1000);
    }
    Files.delete(copy("no-tokenizer").resolve(TOKENIZER));
    write(copy("broken-tokenizer").resolve(TOKENIZER), "{\"model\": {");
    change("odd-heads", "\"num_attention_heads\": 4", "\"num_attention_heads\": 7");
    change("more-layers", "\"num_hidden_layers\": 4", "\"num_hidden_layers\": 9");
    change("fewer-layers", "\"num_hidden_layers\": 4", "\"num_hidden_layers\": 2");
    change("activation", "\"silu\"", "\"sine\"");
  }

  private void calibration() throws IOException {
    write(path("text.txt"), "hi\n");
    write(path("empty.jsonl"), "");
    write(path("not-json.jsonl"), "plain words\n");
    write(path("no-text.jsonl"), "{\"a\": 1}\n");
    write(path("table.csv"), "a,b\n");
    write(path("chat.jsonl"), "{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}]}\n");
    Files.write(path("latin.txt"), "caf\u00e9 au lait\n".getBytes(StandardCharsets.ISO_8859_1));
  }

  private void recipes() throws IOException {
    write(path("key.yaml"), "rulez: []\n");
    write(path("broken.yaml"), "rules: [1\nb");
    write(
        path("format.yaml"),
        "metadata: {name: x}\nrules:\n  - {modules: \"*\", tensors: [weight], format: fp9}\n");
    write(
        path("method.yaml"),
        "metadata: {name: x}\nbase: FP8_DEFAULT\nalgorithm: {method: magic}\n");
    write(
        path("pattern.yaml"),
        """
        metadata: {name: x}
        base: FP8_DEFAULT
        rules:
          - {modules: "*down_porj", tensors: [weight], format: none}
        """);
    write(path("option.yaml"), "metadata: {name: x}\nbase: FP8_DEFAULT\noptions: {smaples: 3}\n");
    write(path("twin.yaml"), "metadata: {name: FP8_DEFAULT}\nbase: FP8_DEFAULT\n");
  }

  private Path copy(String name) throws IOException {
    Path target = Files.createDirectory(path(name));
    try (Stream<Path> files = Files.list(model)) {
      for (Path file : files.toList()) {
        Files.copy(file, target.resolve(file.getFileName()));
      }
    }
    return target;
  }

  private void change(String name, String from, String to) throws IOException {
    Path config = copy(name).resolve(CONFIG);
    String text = Files.readString(config);
    if (!text.contains(from)) {
      throw new IllegalStateException(from + " is not in " + text);
    }
    write(config, text.replace(from, to));
  }

  private static void write(Path file, String text) throws IOException {
    Files.writeString(file, text);
  }
}
