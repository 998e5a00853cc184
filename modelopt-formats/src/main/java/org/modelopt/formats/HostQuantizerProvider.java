package org.modelopt.formats;

import java.util.Optional;
import org.modelopt.compute.Backend;
import org.modelopt.compute.Scope;
import org.modelopt.formats.internal.Kernels;
import org.modelopt.formats.internal.Rungs;
import org.modelopt.numeric.Conversion;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.Quantizer;
import org.modelopt.numeric.QuantizerProvider;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;

/** Makes quantizers for backends whose tensors are in host memory. */
public final class HostQuantizerProvider implements QuantizerProvider {
  private final Kernels kernels = Rungs.best();

  @Override
  public Optional<Quantizer> quantizer(QuantSpec spec, Backend backend) {
    if (!worksOnHost(backend)) {
      return Optional.empty();
    }
    return Optional.of(new HostQuantizer(spec, Conversion.DEFAULT, backend.workers(), kernels));
  }

  private static boolean worksOnHost(Backend backend) {
    try (Scope scope = backend.openScope()) {
      return scope.allocate(DType.U8, Shape.of(0)).isOnHost();
    }
  }
}
