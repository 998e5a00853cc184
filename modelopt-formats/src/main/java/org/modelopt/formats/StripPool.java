package org.modelopt.formats;

import java.util.ArrayDeque;
import org.modelopt.formats.internal.Strip;

/** Strips that wait to be used again, so that converting allocates nothing once it is warm. */
final class StripPool {
  private final ArrayDeque<Strip> free = new ArrayDeque<>();

  synchronized Strip take() {
    Strip strip = free.pollFirst();
    return strip == null ? new Strip() : strip;
  }

  synchronized void giveBack(Strip strip) {
    free.addFirst(strip);
  }
}
