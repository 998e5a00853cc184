package org.modelopt.models.family;

import java.util.function.Function;
import org.modelopt.models.decoder.DecoderSpec;
import org.modelopt.models.hf.HfConfig;

/**
 * A family of decoders that share an architecture.
 *
 * @param modelType its name in the field {@code model_type} of config.json
 * @param architecture its class in transformers, which config.json names
 * @param notes what is particular about it, for people
 * @param reader makes the description of a model from its config.json
 */
public record Family(
    String modelType, String architecture, String notes, Function<HfConfig, DecoderSpec> reader) {
  /**
   * The description of the model that {@code config} is about.
   *
   * @throws org.modelopt.error.CheckpointException if a field is missing or cannot be used
   */
  public DecoderSpec read(HfConfig config) {
    return reader.apply(config);
  }
}
