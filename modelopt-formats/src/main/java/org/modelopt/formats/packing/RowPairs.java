package org.modelopt.formats.packing;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** Two codes of neighbouring rows a byte, the even row in the low nibble. */
record RowPairs() implements Packing {
  private static final int TILE = 1024;

  @Override
  public DType dtype() {
    return DType.U8;
  }

  @Override
  public Shape shape(long rows, long columns, int bits) {
    Requirements.fourBits(bits);
    Requirements.multiple("rows", rows, 2);
    return Shape.of(rows / 2, columns);
  }

  @Override
  public void pack(Codes codes, Tensor into) {
    Requirements.check(this, codes, into);
    MemorySegment out = into.segment();
    byte[] even = new byte[TILE];
    byte[] odd = new byte[TILE];
    for (long pair = 0; pair < codes.rows() / 2; pair++) {
      for (long from = 0; from < codes.columns(); from += TILE) {
        int n = (int) Math.min(TILE, codes.columns() - from);
        codes.read(2 * pair, from, even, 0, n);
        codes.read(2 * pair + 1, from, odd, 0, n);
        for (int i = 0; i < n; i++) {
          even[i] |= (byte) (odd[i] << 4);
        }
        MemorySegment.copy(even, 0, out, ValueLayout.JAVA_BYTE, pair * codes.columns() + from, n);
      }
    }
  }

  @Override
  public void unpack(Tensor packed, Codes into) {
    Requirements.check(this, into, packed);
    MemorySegment in = packed.segment();
    byte[] even = new byte[TILE];
    byte[] odd = new byte[TILE];
    for (long pair = 0; pair < into.rows() / 2; pair++) {
      for (long from = 0; from < into.columns(); from += TILE) {
        int n = (int) Math.min(TILE, into.columns() - from);
        MemorySegment.copy(in, ValueLayout.JAVA_BYTE, pair * into.columns() + from, even, 0, n);
        for (int i = 0; i < n; i++) {
          odd[i] = (byte) ((even[i] & 0xFF) >>> 4);
        }
        into.write(2 * pair, from, even, 0, n);
        into.write(2 * pair + 1, from, odd, 0, n);
      }
    }
  }
}
