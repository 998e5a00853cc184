package org.modelopt.compute.cpu;

import java.util.Optional;
import org.modelopt.compute.Workers;
import org.modelopt.error.DeviceException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a backend computes with.
 *
 * @param kernels all operations but matrix products
 * @param product matrix products
 */
record Rungs(Kernels kernels, MatrixProduct product) {
  private static final Logger LOG = LoggerFactory.getLogger(CpuBackend.class);
  private static final String VECTOR_MODULE = "jdk.incubator.vector";

  /**
   * The requested rung, or else the fastest that works here; one log line per faster one that does
   * not.
   *
   * @throws DeviceException if the requested one does not work
   */
  static Rungs choose(Optional<Rung> requested, Workers workers, BufferPool pool) {
    Kernels kernels = kernels(requested);
    MatrixProduct blocked = new BlockedProduct(kernels, workers);
    if (requested.isPresent() && requested.get() != Rung.ONEDNN) {
      return new Rungs(kernels, blocked);
    }
    try (OneDnnFiles files = OneDnnFiles.unpack()) {
      OneDnn library = new OneDnn(files.library());
      try {
        return new Rungs(kernels, new OneDnnProduct(library, blocked, workers, pool));
      } catch (DeviceException e) {
        library.close();
        throw e;
      }
    } catch (DeviceException e) {
      if (requested.isPresent()) {
        throw new DeviceException("oneDNN cannot be used: " + e.getMessage(), e);
      }
      LOG.warn(
          "oneDNN is not used, matrix products are slower by {}: {}",
          kernels.description(),
          e.getMessage());
      return new Rungs(kernels, blocked);
    }
  }

  private static Kernels kernels(Optional<Rung> requested) {
    if (requested.equals(Optional.of(Rung.SCALAR))) {
      return new ScalarKernels();
    }
    if (ModuleLayer.boot().findModule(VECTOR_MODULE).isPresent()) {
      return new VectorKernels();
    }
    String reason = "the JVM was started without --add-modules " + VECTOR_MODULE;
    if (requested.equals(Optional.of(Rung.VECTOR))) {
      throw new DeviceException("the Vector API cannot be used: " + reason);
    }
    LOG.warn("the Vector API is not used, plain Java is several times slower: {}", reason);
    return new ScalarKernels();
  }
}
