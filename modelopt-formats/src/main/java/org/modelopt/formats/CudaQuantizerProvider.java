package org.modelopt.formats;

import java.util.Optional;
import org.modelopt.compute.Backend;
import org.modelopt.compute.cuda.CudaBackend;
import org.modelopt.formats.internal.Rungs;
import org.modelopt.numeric.Conversion;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.Quantizer;
import org.modelopt.numeric.QuantizerProvider;

/** Makes quantizers for NVIDIA GPUs. */
public final class CudaQuantizerProvider implements QuantizerProvider {
  /** For {@link java.util.ServiceLoader}. */
  public CudaQuantizerProvider() {}

  @Override
  public Optional<Quantizer> quantizer(QuantSpec spec, Backend backend) {
    if (!(backend instanceof CudaBackend cuda) || !CudaSpecWords.covers(spec)) {
      return Optional.empty();
    }
    HostQuantizer host = new HostQuantizer(spec, Conversion.DEFAULT, cuda.workers(), Rungs.best());
    return Optional.of(new CudaQuantizer(cuda, host));
  }
}
