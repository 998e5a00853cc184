package org.modelopt.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.modelopt.error.CheckpointException;
import org.modelopt.error.DataException;
import org.modelopt.models.HfModel;

/** What is needed to make windows of text. */
final class EvalText {
  private EvalText() {}

  static String read(Path file) {
    if (!Files.exists(file)) {
      throw new DataException(file + " does not exist; check the path");
    }
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new DataException(
          file + " cannot be read as UTF-8 text (" + e + "); give a text or safetensors file", e);
    }
  }

  static int beginOfText(HfModel model) {
    return model
        .beginOfText()
        .orElseThrow(() ->
            new CheckpointException(
                model.directory() + ": config.json has no bos_token_id to begin a window with"));
  }
}
