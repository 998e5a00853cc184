package org.modelopt.formats.ggml;

import java.util.Arrays;
import java.util.Optional;

/**
 * Storage type of a tensor in a GGUF file. Elements along the contiguous axis are stored in blocks.
 *
 * <p>All types that the format knows are here, so that files can be read; {@link GgmlCodec} encodes
 * and decodes those of them that {@link #hasCodec()} says.
 */
public enum GgmlType {
  /** IEEE binary32. */
  F32(0, 1, 4, true),
  /** IEEE binary16. */
  F16(1, 1, 2, true),
  /** 4 bits, one scale for 32 elements. */
  Q4_0(2, 32, 18, true),
  /** 4 bits, scale and minimum for 32 elements. */
  Q4_1(3, 32, 20, true),
  /** 5 bits, one scale for 32 elements. */
  Q5_0(6, 32, 22, true),
  /** 5 bits, scale and minimum for 32 elements. */
  Q5_1(7, 32, 24, true),
  /** 8 bits, one scale for 32 elements. */
  Q8_0(8, 32, 34, true),
  /** Intermediate of products; not for files that models are loaded from. */
  Q8_1(9, 32, 36, false),
  /** 2 bits, 4-bit scale and minimum for 16 elements, two scales for 256. */
  Q2_K(10, 256, 84, true),
  /** 3 bits, 6-bit scale for 16 elements, one scale for 256. */
  Q3_K(11, 256, 110, true),
  /** 4 bits, 6-bit scale and minimum for 32 elements, two scales for 256. */
  Q4_K(12, 256, 144, true),
  /** 5 bits, 6-bit scale and minimum for 32 elements, two scales for 256. */
  Q5_K(13, 256, 176, true),
  /** 6 bits, 8-bit scale for 16 elements, one scale for 256. */
  Q6_K(14, 256, 210, true),
  /** Intermediate of products; not for files that models are loaded from. */
  Q8_K(15, 256, 292, false),
  /** Lattice codes of 2.06 bits. */
  IQ2_XXS(16, 256, 66, false),
  /** Lattice codes of 2.31 bits. */
  IQ2_XS(17, 256, 74, false),
  /** Lattice codes of 3.06 bits. */
  IQ3_XXS(18, 256, 98, false),
  /** Lattice codes of 1.56 bits. */
  IQ1_S(19, 256, 50, false),
  /** 4-bit codes of a fixed table, one scale for 32 elements. */
  IQ4_NL(20, 32, 18, false),
  /** Lattice codes of 3.44 bits. */
  IQ3_S(21, 256, 110, false),
  /** Lattice codes of 2.56 bits. */
  IQ2_S(22, 256, 82, false),
  /** 4-bit codes of a fixed table, 6-bit scale for 32 elements, one scale for 256. */
  IQ4_XS(23, 256, 136, false),
  /** Signed 8-bit integer. */
  I8(24, 1, 1, false),
  /** Signed 16-bit integer. */
  I16(25, 1, 2, false),
  /** Signed 32-bit integer. */
  I32(26, 1, 4, false),
  /** Signed 64-bit integer. */
  I64(27, 1, 8, false),
  /** IEEE binary64. */
  F64(28, 1, 8, false),
  /** Lattice codes of 1.75 bits. */
  IQ1_M(29, 256, 56, false),
  /** The upper half of an IEEE binary32. */
  BF16(30, 1, 2, true),
  /** Ternary codes of 1.69 bits. */
  TQ1_0(34, 256, 54, false),
  /** Ternary codes of 2.06 bits. */
  TQ2_0(35, 256, 66, false),
  /** E2M1 floats, E8M0 scale for 32 elements. */
  MXFP4(39, 32, 17, true),
  /** E2M1 floats, unsigned E4M3 scale for 16 elements. */
  NVFP4(40, 64, 36, true),
  /** One bit, one scale for 128 elements. */
  Q1_0(41, 128, 18, false),
  /** 2 bits, one scale for 64 elements. */
  Q2_0(42, 64, 18, false);

  private final int id;
  private final int blockElements;
  private final int blockBytes;
  private final boolean codec;

  GgmlType(int id, int blockElements, int blockBytes, boolean codec) {
    this.id = id;
    this.blockElements = blockElements;
    this.blockBytes = blockBytes;
    this.codec = codec;
  }

  /** Number of the type in files. */
  public int id() {
    return id;
  }

  /** Elements of a block; rows are whole numbers of blocks. */
  public int blockElements() {
    return blockElements;
  }

  /** Size of a block in bytes. */
  public int blockBytes() {
    return blockBytes;
  }

  /** Whether a block has more than one element. */
  public boolean isBlocked() {
    return blockElements > 1;
  }

  /** Whether {@link GgmlCodec} knows the type. */
  public boolean hasCodec() {
    return codec;
  }

  /**
   * Bytes of {@code elements} elements.
   *
   * @throws IllegalArgumentException if they are no whole number of blocks
   * @throws ArithmeticException if the size exceeds a {@code long}
   */
  public long byteSize(long elements) {
    if (elements % blockElements != 0) {
      throw new IllegalArgumentException(
          "%d elements are no whole number of blocks of %s, which have %d"
              .formatted(elements, this, blockElements));
    }
    return Math.multiplyExact(elements / blockElements, (long) blockBytes);
  }

  /** The type with that number, if there is one; removed types are not there. */
  public static Optional<GgmlType> ofId(int id) {
    return Arrays.stream(values()).filter(type -> type.id == id).findFirst();
  }
}
