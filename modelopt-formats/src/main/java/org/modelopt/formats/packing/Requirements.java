package org.modelopt.formats.packing;

import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** What sizes and tensors must be to be packed. */
final class Requirements {
  private Requirements() {}

  /** Refuses a packed tensor of another type or shape than the packing of {@code codes} has. */
  static void check(Packing packing, Codes codes, Tensor packed) {
    Shape shape = packing.shape(codes.rows(), codes.columns(), codes.bits());
    if (packed.dtype() != packing.dtype() || !packed.shape().equals(shape)) {
      throw new IllegalArgumentException(
          "packed codes are %s %s but found %s".formatted(packing.dtype(), shape, packed));
    }
  }

  /** Refuses codes of another width than 4 bits. */
  static void fourBits(int bits) {
    if (bits != 4) {
      throw new IllegalArgumentException("this packing is for codes of 4 bits, not of " + bits);
    }
  }

  /** Refuses a size that is no multiple. */
  static void multiple(String what, long size, long multiple) {
    if (size % multiple != 0) {
      throw new IllegalArgumentException(
          "this packing needs a multiple of %d %s, not %d".formatted(multiple, what, size));
    }
  }
}
