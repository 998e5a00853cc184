package org.modelopt.models.hf;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.modelopt.error.CheckpointException;

/** The files beside the weights that a loader of the checkpoint needs as they are. */
public final class CompanionFiles {
  private static final Pattern NAME =
      Pattern.compile(
          "tokenizer\\.json|tokenizer_config\\.json|tokenizer\\.model(\\.v\\d+)?|tekken\\.json"
              + "|special_tokens_map\\.json|added_tokens\\.json|vocab\\.(json|txt)|merges\\.txt"
              + "|.*\\.tiktoken|generation_config\\.json|chat_template\\.(jinja|json)"
              + "|(pre|video_pre)?processor_config\\.json");

  private CompanionFiles() {}

  /** Those of {@code directory} that are there, by name. */
  public static List<Path> in(Path directory) {
    try (Stream<Path> files = Files.list(directory)) {
      return files
          .filter(file -> NAME.matcher(file.getFileName().toString()).matches())
          .filter(Files::isRegularFile)
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new CheckpointException(directory + " cannot be listed: " + e.getMessage(), e);
    }
  }
}
