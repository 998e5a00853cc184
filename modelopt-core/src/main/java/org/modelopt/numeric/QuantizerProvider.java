package org.modelopt.numeric;

import java.util.Optional;
import org.modelopt.compute.Backend;

/** Makes quantizers; found through {@link java.util.ServiceLoader}. */
public interface QuantizerProvider {
  /** A quantizer of {@code spec} for tensors of {@code backend}, if this provider has one. */
  Optional<Quantizer> quantizer(QuantSpec spec, Backend backend);
}
