package org.modelopt.export.verify.consumer;

/** An exclusion list as one consumer reads it. */
@FunctionalInterface
public interface ExclusionRule {
  /** Whether {@code layer} is left unquantized. */
  Exclusion of(BuiltLayer layer);
}
