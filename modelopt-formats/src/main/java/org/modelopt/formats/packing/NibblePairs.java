package org.modelopt.formats.packing;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * Two codes of neighbouring columns a byte.
 *
 * @param evenHigh whether the even column is in the high nibble
 */
record NibblePairs(boolean evenHigh) implements Packing {
  @Override
  public DType dtype() {
    return DType.U8;
  }

  @Override
  public Shape shape(long rows, long columns, int bits) {
    Requirements.fourBits(bits);
    return Shape.of(rows, Math.ceilDiv(columns, 2L));
  }

  @Override
  public void pack(Codes codes, Tensor into) {
    Requirements.check(this, codes, into);
    convert(codes, codes.segment(), into.segment());
    forLoneCodes(
        codes,
        (at, code) ->
            into.segment().set(ValueLayout.JAVA_BYTE, at, swap((code & 0xF) ^ codes.flip())));
  }

  @Override
  public void unpack(Tensor packed, Codes into) {
    Requirements.check(this, into, packed);
    convert(into, packed.segment(), into.segment());
    MemorySegment out = into.segment();
    forLoneCodes(into, (at, code) -> out.set(ValueLayout.JAVA_BYTE, at, (byte) (code & 0xF)));
  }

  /** Swapping nibbles and flipping bits are their own inverses. */
  private void convert(Codes codes, MemorySegment from, MemorySegment to) {
    int flips = codes.flip() * 0x11;
    long end = codes.rowStart(codes.rows());
    for (long at = 0; at < end; at++) {
      to.set(ValueLayout.JAVA_BYTE, at, (byte) (swap(from.get(ValueLayout.JAVA_BYTE, at)) ^ flips));
    }
  }

  private byte swap(int pair) {
    return (byte) (evenHigh ? (pair & 0xF0) >>> 4 | pair << 4 : pair);
  }

  /** Takes the last byte of a row that holds one code only. */
  @FunctionalInterface
  private interface LoneCodeTask {
    void run(long at, int code);
  }

  private static void forLoneCodes(Codes codes, LoneCodeTask task) {
    for (long row = 0; codes.columns() % 2 != 0 && row < codes.rows(); row++) {
      long at = codes.rowEnd(row) - 1;
      task.run(at, codes.segment().get(ValueLayout.JAVA_BYTE, at));
    }
  }
}
