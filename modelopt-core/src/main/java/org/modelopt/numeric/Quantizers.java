package org.modelopt.numeric;

import java.util.ServiceLoader;
import org.modelopt.compute.Backend;
import org.modelopt.error.ConfigException;

/** Finds quantizers. */
public final class Quantizers {
  private Quantizers() {}

  /**
   * The quantizer of {@code spec} for tensors of {@code backend}.
   *
   * @throws ConfigException if no provider on the class path has one
   */
  public static Quantizer of(QuantSpec spec, Backend backend) {
    for (QuantizerProvider provider : ServiceLoader.load(QuantizerProvider.class)) {
      var quantizer = provider.quantizer(spec, backend);
      if (quantizer.isPresent()) {
        return quantizer.get();
      }
    }
    throw new ConfigException(
        "no quantizer for %s on %s; put modelopt-formats on the class path"
            .formatted(spec, backend.description()));
  }
}
