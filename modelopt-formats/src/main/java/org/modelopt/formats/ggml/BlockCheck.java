package org.modelopt.formats.ggml;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.modelopt.tensor.Tensor;

/**
 * Finds stored blocks that llama.cpp refuses when it checks tensors: scales that are not finite.
 * Source: ggml, {@code ggml_validate_row_data}.
 */
public final class BlockCheck {
  private BlockCheck() {}

  /**
   * Number of the first block with a scale (or, without blocks, a value) that is infinite or NaN.
   *
   * @param blocks whole blocks
   * @return the block, or -1 if there is none; always -1 for types without a codec
   */
  public static long firstBad(GgmlType type, MemorySegment blocks) {
    int size = type.blockBytes();
    long count = blocks.byteSize() / size;
    return switch (type) {
      case F32 -> {
        for (long i = 0; i < count; i++) {
          if (!Float.isFinite(blocks.get(Tensor.FLOAT, 4 * i))) {
            yield i;
          }
        }
        yield -1;
      }
      case BF16 -> halves(blocks, count, 2, 0x7F80, 0);
      case F16, Q8_0, Q4_0, Q5_0 -> halves(blocks, count, size, 0x7C00, 0);
      case Q4_1, Q5_1, Q4_K, Q5_K -> halves(blocks, count, size, 0x7C00, 0, 2);
      case Q2_K -> halves(blocks, count, size, 0x7C00, 80, 82);
      case Q3_K -> halves(blocks, count, size, 0x7C00, 108);
      case Q6_K -> halves(blocks, count, size, 0x7C00, 208);
      case MXFP4 -> bytes(blocks, count, size, 0xFF, 1);
      // Readers take 0x7F for 0, which no writer means.
      case NVFP4 -> bytes(blocks, count, size, 0x7F, 4);
      default -> -1;
    };
  }

  private static long halves(
      MemorySegment blocks, long count, int size, int exponent, int... offsets) {
    for (long i = 0; i < count; i++) {
      for (int offset : offsets) {
        if ((blocks.get(Tensor.SHORT, i * size + offset) & exponent) == exponent) {
          return i;
        }
      }
    }
    return -1;
  }

  private static long bytes(MemorySegment blocks, long count, int size, int bad, int scales) {
    for (long i = 0; i < count; i++) {
      for (int s = 0; s < scales; s++) {
        if ((blocks.get(ValueLayout.JAVA_BYTE, i * size + s) & 0xFF) == bad) {
          return i;
        }
      }
    }
    return -1;
  }
}
