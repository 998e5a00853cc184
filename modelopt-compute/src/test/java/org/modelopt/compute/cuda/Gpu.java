package org.modelopt.compute.cuda;

import static org.junit.jupiter.api.Assumptions.abort;

import org.modelopt.compute.BackendOptions;
import org.modelopt.error.DeviceException;

/** The GPU for tests that need one. */
final class Gpu {
  private Gpu() {}

  /** Opens it, or skips the test and says why. */
  static CudaBackend open() {
    try {
      return (CudaBackend) new CudaBackendProvider().open(BackendOptions.defaults());
    } catch (DeviceException e) {
      return abort(e.getMessage());
    }
  }
}
