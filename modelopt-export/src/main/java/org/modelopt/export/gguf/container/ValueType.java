package org.modelopt.export.gguf.container;

import java.util.Arrays;
import java.util.Optional;

/** Type of a metadata value. */
public enum ValueType {
  /** Unsigned 8-bit integer. */
  U8(0, 1),
  /** Signed 8-bit integer. */
  I8(1, 1),
  /** Unsigned 16-bit integer. */
  U16(2, 2),
  /** Signed 16-bit integer. */
  I16(3, 2),
  /** Unsigned 32-bit integer. */
  U32(4, 4),
  /** Signed 32-bit integer. */
  I32(5, 4),
  /** IEEE binary32. */
  F32(6, 4),
  /** Truth value. */
  BOOL(7, 1),
  /** Text in UTF-8. */
  STRING(8, 8),
  /** Values of one type. */
  ARRAY(9, 12),
  /** Unsigned 64-bit integer. */
  U64(10, 8),
  /** Signed 64-bit integer. */
  I64(11, 8),
  /** IEEE binary64. */
  F64(12, 8);

  private final int id;
  private final int leastBytes;

  ValueType(int id, int leastBytes) {
    this.id = id;
    this.leastBytes = leastBytes;
  }

  /** Number of the type in files. */
  public int id() {
    return id;
  }

  /** Bytes that every value of the type has at least; for numbers and truth values, exactly. */
  int leastBytes() {
    return leastBytes;
  }

  /** The type with that number, if there is one. */
  public static Optional<ValueType> ofId(int id) {
    return Arrays.stream(values()).filter(type -> type.id == id).findFirst();
  }
}
