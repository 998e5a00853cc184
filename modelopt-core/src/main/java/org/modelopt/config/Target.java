package org.modelopt.config;

/** The tensor of a module that a rule speaks of. */
public enum Target {
  /** Weight of a linear. */
  WEIGHT,
  /**
   * What the codes of a linear's weight stand for, quantized once more: FP8 after INT4, so that
   * products run in FP8. Has no effect where the weight itself is not quantized.
   */
  DEQUANTIZED_WEIGHT,
  /** Input of a linear. */
  INPUT,
  /** Keys and values that attention caches. */
  KV_CACHE,
  /**
   * The same without calibration: values are cast as if the largest magnitude were 448, the largest
   * of E4M3, so that FP8 has a scale of 1.
   */
  KV_CACHE_CAST
}
