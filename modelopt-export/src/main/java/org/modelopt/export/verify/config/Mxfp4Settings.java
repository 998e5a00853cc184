package org.modelopt.export.verify.config;

import java.util.List;
import java.util.Optional;
import org.modelopt.export.verify.scheme.Scheme;
import tools.jackson.databind.JsonNode;

/**
 * The {@code mxfp4} method of gpt-oss: stacked experts in MXFP4, linear layers unquantized.
 *
 * @param exclusions {@code modules_to_not_convert}, for information only
 */
public record Mxfp4Settings(List<String> exclusions) implements QuantizationSettings {
  /** Copies the list. */
  public Mxfp4Settings {
    exclusions = List.copyOf(exclusions);
  }

  static Mxfp4Settings read(JsonNode node) {
    return new Mxfp4Settings(
        ModelOptView.strings(node.path("modules_to_not_convert")).orElse(List.of()));
  }

  @Override
  public String method() {
    return "mxfp4";
  }

  @Override
  public Optional<Scheme> scheme(String module) {
    return Optional.empty();
  }

  @Override
  public String kvCache() {
    return "";
  }
}
