package org.modelopt.examples;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.modelopt.models.pocket.PocketModel;

/**
 * The embedded model and some calibration data in a directory.
 *
 * @param checkpoint the model
 * @param data JSONL with {@code text}
 * @param out a place that does not exist yet
 */
public record ExampleModel(Path checkpoint, Path data, Path out) {
  /** Makes it in {@code directory}. */
  public static ExampleModel in(Path directory) throws IOException {
    List<String> lines = new ArrayList<>();
    String text = PocketModel.evaluationText();
    for (int i = 0; i < 4; i++) {
      String piece = text.substring(i * 600, i * 600 + 600).replaceAll("[\\s\"\\\\]+", " ");
      lines.add("{\"text\": \"" + piece + "\"}");
    }
    return new ExampleModel(
        PocketModel.extract(directory.resolve("pocket-llama")),
        Files.write(directory.resolve("data.jsonl"), lines),
        directory.resolve("out"));
  }
}
