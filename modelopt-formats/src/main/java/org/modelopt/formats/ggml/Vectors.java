package org.modelopt.formats.ggml;

import org.modelopt.formats.internal.Rungs;

/** Whether the loops with the Vector API can be used; knows no class of it. */
final class Vectors {
  /** False where Java was started without the module, or with vectors of width 0. */
  static final boolean AVAILABLE =
      Integer.getInteger(Rungs.BITS_PROPERTY, -1) != 0
          && ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent();

  private Vectors() {}
}
