package org.modelopt.models.pocket;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.GZIPInputStream;

/**
 * A model that fits in a pocket: a Llama of 1.05 million parameters, 2.1 MB, trained on
 * public-domain novels, with text to evaluate it on. For demonstrations and tests that must run
 * anywhere.
 */
public final class PocketModel {
  private static final List<String> FILES =
      List.of(
          "config.json",
          "generation_config.json",
          "model.safetensors",
          "special_tokens_map.json",
          "tokenizer.json",
          "tokenizer_config.json");

  private PocketModel() {}

  /**
   * Writes the checkpoint into a directory, which is made if it is not there; files of the same
   * names are replaced.
   *
   * @return {@code directory}
   * @throws UncheckedIOException if that fails
   */
  public static Path extract(Path directory) {
    try {
      Files.createDirectories(directory);
      for (String file : FILES) {
        try (InputStream in = open(file)) {
          Files.write(directory.resolve(file), in.readAllBytes());
        }
      }
      return directory;
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write the pocket model to " + directory, e);
    }
  }

  /** Text that the model has not seen in training, enough for 64 windows of 255 tokens. */
  public static String evaluationText() {
    try (InputStream in = new GZIPInputStream(open("evaluation.txt.gz"))) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException("the pocket model's evaluation text cannot be read", e);
    }
  }

  private static InputStream open(String file) throws IOException {
    InputStream in = PocketModel.class.getResourceAsStream(file);
    if (in == null) {
      throw new IOException("no " + file + " in modelopt-models");
    }
    return in;
  }
}
