package org.modelopt.formats.internal;

/** Chooses an implementation of the inner loops. */
public final class Rungs {
  private Rungs() {}

  /** The fastest loops that this machine and the way Java was started allow. */
  public static Kernels best() {
    return new ScalarKernels();
  }
}
