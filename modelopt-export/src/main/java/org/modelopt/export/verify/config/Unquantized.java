package org.modelopt.export.verify.config;

import java.util.List;
import java.util.Optional;
import org.modelopt.export.verify.scheme.Scheme;

/** No quantization is declared. */
public record Unquantized() implements QuantizationSettings {
  @Override
  public String method() {
    return "";
  }

  @Override
  public Optional<Scheme> scheme(String module) {
    return Optional.empty();
  }

  @Override
  public List<String> exclusions() {
    return List.of();
  }

  @Override
  public String kvCache() {
    return "";
  }
}
