package org.modelopt.models;

import java.nio.file.Path;

/** Opens models. */
public final class Models {
  private Models() {}

  /**
   * Opens a HuggingFace checkpoint directory: config.json, safetensors files, and tokenizer.json if
   * text is to be read. No weights are read.
   *
   * @throws org.modelopt.error.CheckpointException if a file is missing or malformed, the
   *     architecture is not known, or the tensors are not those that config.json calls for
   */
  public static HfModel load(Path directory) {
    return HfModel.open(directory);
  }
}
