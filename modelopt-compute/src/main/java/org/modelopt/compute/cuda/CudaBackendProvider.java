package org.modelopt.compute.cuda;

import org.modelopt.compute.Backend;
import org.modelopt.compute.BackendOptions;
import org.modelopt.compute.BackendProvider;

/** Opens the {@link CudaBackend} where there is an NVIDIA GPU. */
public final class CudaBackendProvider implements BackendProvider {
  /** For {@link java.util.ServiceLoader}. */
  public CudaBackendProvider() {}

  @Override
  public String name() {
    return "cuda";
  }

  @Override
  public int rank() {
    return 10;
  }

  @Override
  public Backend open(BackendOptions options) {
    CudaDriver.require();
    return CudaBackend.open(options);
  }
}
