package org.modelopt.tensor;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/**
 * Storage type of tensor elements; constants are named as in safetensors headers.
 *
 * <p>Constants are declared by ascending alignment, in the order of the format's reference
 * implementation: files are written in the descending order of this enum.
 *
 * <p>Source: safetensors format, {@code safetensors/src/tensor.rs}.
 */
public enum DType {
  /** Truth value, one byte, 0 or 1. */
  BOOL(8),
  /** Two 4-bit E2M1 floats a byte. */
  F4(4),
  /** 6-bit float, 2 exponent and 3 mantissa bits. */
  F6_E2M3(6),
  /** 6-bit float, 3 exponent and 2 mantissa bits. */
  F6_E3M2(6),
  /** Unsigned 8-bit integer; also the carrier of packed 4-bit codes. */
  U8(8),
  /** Signed 8-bit integer. */
  I8(8),
  /** 8-bit float, 5 exponent and 2 mantissa bits, IEEE-like with infinities. */
  F8_E5M2(8),
  /** 8-bit float, 4 exponent and 3 mantissa bits, "FN": no infinities, largest value 448. */
  F8_E4M3(8),
  /** 8-bit power-of-two scale: value 2^(code - 127), 255 is NaN. */
  F8_E8M0(8),
  /** 8-bit float of the FNUZ family, 4 exponent and 3 mantissa bits. */
  F8_E4M3FNUZ(8),
  /** 8-bit float of the FNUZ family, 5 exponent and 2 mantissa bits. */
  F8_E5M2FNUZ(8),
  /** Signed 16-bit integer. */
  I16(16),
  /** Unsigned 16-bit integer. */
  U16(16),
  /** IEEE binary16. */
  F16(16),
  /** The upper half of an IEEE binary32. */
  BF16(16),
  /** Signed 32-bit integer. */
  I32(32),
  /** Unsigned 32-bit integer. */
  U32(32),
  /** IEEE binary32. */
  F32(32),
  /** Complex number of two binary32. */
  C64(64),
  /** IEEE binary64. */
  F64(64),
  /** Signed 64-bit integer. */
  I64(64),
  /** Unsigned 64-bit integer. */
  U64(64);

  private final int bits;

  DType(int bits) {
    this.bits = bits;
  }

  /** Width of one element in bits: 4, 6, 8, 16, 32 or 64. */
  public int bits() {
    return bits;
  }

  /**
   * Bytes that {@code elements} elements occupy.
   *
   * @throws IllegalArgumentException if the elements do not fill whole bytes (F4, F6)
   * @throws ArithmeticException if the size exceeds a {@code long}
   */
  public long byteSize(long elements) {
    long bitSize = Math.multiplyExact(elements, (long) bits);
    if ((bitSize & 7) != 0) {
      throw new IllegalArgumentException(
          elements + " elements of " + this + " do not fill whole bytes");
    }
    return bitSize >>> 3;
  }

  /** Whether elements are F32, F16 or BF16: what arithmetic reads and weights are stored in. */
  public boolean isWideFloat() {
    return this == F32 || this == F16 || this == BF16;
  }

  /** The type that a safetensors header calls {@code name}, if there is one. */
  public static Optional<DType> ofName(String name) {
    return Arrays.stream(values()).filter(t -> t.name().equals(name)).findFirst();
  }

  /** The type that a HuggingFace config calls {@code name}, for example {@code bfloat16}. */
  public static Optional<DType> ofTorchName(String name) {
    String plain = name.startsWith("torch.") ? name.substring("torch.".length()) : name;
    return switch (plain.toLowerCase(Locale.ROOT)) {
      case "bfloat16" -> Optional.of(BF16);
      case "float16", "half" -> Optional.of(F16);
      case "float32", "float" -> Optional.of(F32);
      default -> Optional.empty();
    };
  }
}
