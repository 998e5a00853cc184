package org.modelopt.export.verify.report;

/** How much a finding weighs. */
public enum Severity {
  /** The checkpoint is refused, or loads and computes something wrong. Fails the verification. */
  ERROR,
  /** Worth knowing; the checkpoint loads and computes what it should. */
  NOTE
}
