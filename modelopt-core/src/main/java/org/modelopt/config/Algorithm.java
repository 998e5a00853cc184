package org.modelopt.config;

/** How scales are found. */
public sealed interface Algorithm {
  /** Scales from the largest magnitude seen; weights from their own largest magnitude. */
  record Max() implements Algorithm {}
}
