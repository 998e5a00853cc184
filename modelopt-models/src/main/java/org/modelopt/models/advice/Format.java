package org.modelopt.models.advice;

import java.util.List;
import java.util.Optional;
import org.modelopt.config.Config;

/**
 * A format that advice compares.
 *
 * @param name for people: {@code FP8}
 * @param config preset that makes it; empty for the weights as they are
 * @param products number format in which products run where the GPU has hardware for it
 * @param needsHardware whether it is pointless on a GPU without that hardware
 */
public record Format(String name, Optional<Config> config, String products, boolean needsHardware) {
  /** Weights and activations in bfloat16. */
  public static final Format BF16 = new Format("BF16", Optional.empty(), "BF16", false);

  /** FP8 weights and activations. */
  public static final Format FP8 = of("FP8", Config.FP8_DEFAULT, "FP8", true);

  /** INT8 weights and activations. */
  public static final Format INT8 = of("INT8", Config.INT8_SMOOTHQUANT, "INT8", true);

  /** INT4 weights, unpacked to bfloat16 before products. */
  public static final Format INT4 = of("INT4", Config.INT4_AWQ, "BF16", false);

  /** NVFP4 weights and activations. */
  public static final Format NVFP4 = of("NVFP4", Config.NVFP4_DEFAULT, "NVFP4", true);

  /** MXFP4 weights and activations. */
  public static final Format MXFP4 = of("MXFP4", Config.MXFP4_DEFAULT, "MXFP4", true);

  /** All, widest first. */
  public static final List<Format> ALL = List.of(BF16, FP8, INT8, INT4, NVFP4, MXFP4);

  private static Format of(String name, Config config, String products, boolean needsHardware) {
    return new Format(name, Optional.of(config), products, needsHardware);
  }

  /** Whether it is worth anything on {@code gpu}. */
  boolean suits(Gpu gpu) {
    return !needsHardware || gpu.multiplies(products);
  }
}
