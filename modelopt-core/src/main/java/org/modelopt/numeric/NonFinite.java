package org.modelopt.numeric;

/** What becomes of elements that are NaN or infinite. */
public enum NonFinite {
  /** They are refused; the message names the first one. The default. */
  ERROR,
  /**
   * They do not count for scales. Infinities become the largest finite code of their sign; NaN
   * becomes the format's NaN where it has one and zero where it has none.
   */
  SATURATE
}
