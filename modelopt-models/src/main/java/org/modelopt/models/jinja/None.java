package org.modelopt.models.jinja;

/** Python's {@code None}. */
enum None {
  /** The only one. */
  NONE
}
