package org.modelopt.export.verify.consumer;

/** What an exclusion list makes of a linear layer. */
public enum Exclusion {
  /** Left unquantized. */
  EXCLUDED,
  /** Quantized. */
  INCLUDED,
  /** Some of the layers it is joined with are excluded and some are not: loading fails. */
  SPLIT,
  /** Releases of the consumer read the list differently. */
  UNCERTAIN
}
