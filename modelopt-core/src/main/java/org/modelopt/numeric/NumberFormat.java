package org.modelopt.numeric;

/** How one element is encoded. Implementations are immutable values. */
public sealed interface NumberFormat permits FloatFormat, IntFormat, CodebookFormat {
  /** Name as users know it, for example {@code E4M3} or {@code INT4}. */
  String name();

  /** Width of one code in bits, 2 to 8. */
  int bits();

  /** Largest finite magnitude that a code stands for, for example 448 for E4M3. */
  float maxFinite();
}
