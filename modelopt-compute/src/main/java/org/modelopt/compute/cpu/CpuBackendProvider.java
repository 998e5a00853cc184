package org.modelopt.compute.cpu;

import org.modelopt.compute.Backend;
import org.modelopt.compute.BackendOptions;
import org.modelopt.compute.BackendProvider;
import org.modelopt.error.DeviceException;

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
    if (options.device() != 0) {
      throw new DeviceException(
          "there is no device cpu:%d; all processors together are cpu, and the number of threads says"
                  .formatted(options.device())
              + " how many are used");
    }
    return new CpuBackend(options);
  }
}
