package org.modelopt.models;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.modelopt.models.pocket.PocketModel;

/** Checkpoint directories made of the test resources. */
final class Checkpoints {
  private Checkpoints() {}

  /** Writes the golden checkpoint {@code name} to {@code directory}. */
  static Path write(String name, Path directory) {
    if (name.startsWith("pocket-")) {
      PocketModel.extract(directory); // both have the same tokenizer
    }
    if (!name.equals("pocket-llama")) {
      copy(name + "/config.json", directory.resolve("config.json"));
      boolean own = Checkpoints.class.getResource("golden/" + name + "/model.safetensors") != null;
      copy(
          own ? name + "/model.safetensors" : "llama.safetensors",
          directory.resolve("model.safetensors"));
    }
    copy(name + "/golden.safetensors", directory.resolve("golden.safetensors"));
    return directory;
  }

  /** Writes the golden checkpoint and replaces {@code from} by {@code to} in its config.json. */
  static Path writeChanged(String name, Path directory, String from, String to) {
    write(name, directory);
    Path config = directory.resolve("config.json");
    try {
      String text = Files.readString(config);
      if (!text.contains(from)) {
        throw new IllegalArgumentException("no " + from + " in " + text);
      }
      Files.writeString(config, text.replace(from, to));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return directory;
  }

  private static void copy(String resource, Path target) {
    try (InputStream in = Checkpoints.class.getResourceAsStream("golden/" + resource)) {
      if (in == null) {
        throw new IllegalArgumentException("no test resource golden/" + resource);
      }
      Files.write(target, in.readAllBytes());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
