package org.modelopt.compute.cpu;

import org.modelopt.compute.Backend;
import org.modelopt.compute.BackendOptions;
import org.modelopt.compute.BackendProvider;

/** Opens the {@link CpuBackend}, which works everywhere. */
public final class CpuBackendProvider implements BackendProvider {
  /** For {@link java.util.ServiceLoader}. */
  public CpuBackendProvider() {}

  @Override
  public String name() {
    return "cpu";
  }

  @Override
  public int rank() {
    return 0;
  }

  @Override
  public Backend open(BackendOptions options) {
    return new CpuBackend(options);
  }
}
