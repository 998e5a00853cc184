package org.modelopt.cli;

import java.nio.file.Path;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import picocli.CommandLine.Option;

/** The model that a command is about. */
final class ModelArgument {
  @Option(
      names = "--model",
      required = true,
      paramLabel = "DIR",
      description = "HuggingFace checkpoint directory.")
  private Path directory;

  Path directory() {
    return directory;
  }

  HfModel open() {
    return Models.load(directory);
  }
}
