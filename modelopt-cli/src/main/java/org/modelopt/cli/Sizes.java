package org.modelopt.cli;

import java.util.Locale;

/** Sizes for people. */
final class Sizes {
  private Sizes() {}

  /** Bytes in decimal units, for example {@code 2.10 MB}. */
  static String bytes(long bytes) {
    if (bytes < 1000) {
      return bytes + " B";
    }
    String[] units = {"kB", "MB", "GB", "TB"};
    double value = bytes;
    int unit = -1;
    while (value >= 999.5 && unit < units.length - 1) {
      value /= 1000;
      unit++;
    }
    return String.format(Locale.ROOT, "%.2f %s", value, units[unit]);
  }
}
