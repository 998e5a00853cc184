package org.modelopt.export.gguf.container;

import java.util.List;

/** A metadata value with its exact type: readers convert nothing. */
public sealed interface GgufValue {
  /** The type. */
  ValueType type();

  /**
   * A number.
   *
   * @param type any but BOOL, STRING and ARRAY
   * @param value Long for integers (unsigned 64-bit ones as their bits), Double for floats
   */
  record Figure(ValueType type, Number value) implements GgufValue {}

  /** A truth value. */
  record Flag(boolean value) implements GgufValue {
    @Override
    public ValueType type() {
      return ValueType.BOOL;
    }
  }

  /** A text. */
  record Text(String value) implements GgufValue {
    @Override
    public ValueType type() {
      return ValueType.STRING;
    }
  }

  /**
   * An array, which holds no arrays.
   *
   * @param elementType type of all elements
   * @param values the elements
   */
  record Items(ValueType elementType, List<GgufValue> values) implements GgufValue {
    /** Copies and checks. */
    public Items {
      values = List.copyOf(values);
      for (GgufValue value : values) {
        if (value.type() != elementType || elementType == ValueType.ARRAY) {
          throw new IllegalArgumentException(
              "an array of %s cannot hold a value of %s".formatted(elementType, value.type()));
        }
      }
    }

    @Override
    public ValueType type() {
      return ValueType.ARRAY;
    }
  }

  /** An unsigned 32-bit integer. */
  static GgufValue u32(long value) {
    if (value < 0 || value > 0xFFFF_FFFFL) {
      throw new IllegalArgumentException(value + " is no unsigned 32-bit integer");
    }
    return new Figure(ValueType.U32, value);
  }

  /** A binary32 number. */
  static GgufValue f32(double value) {
    return new Figure(ValueType.F32, (double) (float) value);
  }

  /** A truth value. */
  static GgufValue flag(boolean value) {
    return new Flag(value);
  }

  /** A text. */
  static GgufValue text(String value) {
    return new Text(value);
  }

  /** An array of texts. */
  static GgufValue texts(List<String> values) {
    return new Items(ValueType.STRING, values.stream().<GgufValue>map(Text::new).toList());
  }

  /** An array of signed 32-bit integers. */
  static GgufValue i32s(List<Integer> values) {
    return new Items(
        ValueType.I32,
        values.stream().<GgufValue>map(v -> new Figure(ValueType.I32, v.longValue())).toList());
  }

  /** An array of binary32 numbers. */
  static GgufValue f32s(List<Float> values) {
    return new Items(ValueType.F32, values.stream().map(v -> f32(v)).toList());
  }
}
