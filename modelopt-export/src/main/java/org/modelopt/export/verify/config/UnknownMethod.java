package org.modelopt.export.verify.config;

import java.util.List;
import java.util.Optional;
import org.modelopt.export.verify.scheme.Scheme;

/**
 * A quantization method that this verifier does not know; a finding says so.
 *
 * @param method the {@code quant_method}, lower case; {@code unknown} if absent
 */
public record UnknownMethod(String method) implements QuantizationSettings {
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
