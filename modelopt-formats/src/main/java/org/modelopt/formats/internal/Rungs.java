package org.modelopt.formats.internal;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Chooses an implementation of the inner loops.
 *
 * <p>The system property {@value #BITS_PROPERTY}, which the CPU backend reads too, sets the width
 * of vectors: 128, 256 or 512 bits, or 0 for plain Java. It is read when the first quantizer is
 * made.
 */
public final class Rungs {
  /** System property for the width of vectors in bits. */
  public static final String BITS_PROPERTY = "modelopt.cpu.vectorBits";

  private static final String VECTOR_MODULE = "jdk.incubator.vector";
  private static final Logger LOG = LoggerFactory.getLogger(Rungs.class);

  private Rungs() {}

  /** The fastest loops that this machine and the way Java was started allow. */
  public static Kernels best() {
    if (Integer.getInteger(BITS_PROPERTY, -1) == 0) {
      LOG.info("number formats in plain Java: {} is 0", BITS_PROPERTY);
      return new ScalarKernels();
    }
    if (ModuleLayer.boot().findModule(VECTOR_MODULE).isEmpty()) {
      LOG.warn(
          "number formats in plain Java, many times slower: start Java with --add-modules={}",
          VECTOR_MODULE);
      return new ScalarKernels();
    }
    return new VectorKernels();
  }
}
