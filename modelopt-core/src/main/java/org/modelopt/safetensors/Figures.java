package org.modelopt.safetensors;

import java.util.Locale;

/** Numbers in messages. */
final class Figures {
  private Figures() {}

  /** {@code number} with thousands set apart: 1,050,673,152. */
  static String grouped(long number) {
    return String.format(Locale.ROOT, "%,d", number);
  }
}
