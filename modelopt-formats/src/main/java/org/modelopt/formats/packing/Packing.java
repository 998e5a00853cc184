package org.modelopt.formats.packing;

import java.lang.foreign.Arena;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * Where the codes of a matrix {@code [rows, columns]} lie in a tensor of a file. For weights rows
 * are output channels (N) and columns inputs (K); for zero points columns are groups.
 *
 * @see Packings
 */
public sealed interface Packing permits NibblePairs, RowPairs, Words, LlmAwq {
  /** Type of the packed tensor. */
  DType dtype();

  /**
   * Shape of the packed tensor.
   *
   * @throws IllegalArgumentException if codes of this size or width cannot be packed so
   */
  Shape shape(long rows, long columns, int bits);

  /**
   * Packs.
   *
   * @param into of {@link #dtype()} and {@link #shape}
   */
  void pack(Codes codes, Tensor into);

  /** Unpacks what {@link #pack} made of codes with the same offset. */
  void unpack(Tensor packed, Codes into);

  /** Packs to memory of {@code arena}. */
  default Tensor pack(Codes codes, Arena arena) {
    Shape shape = shape(codes.rows(), codes.columns(), codes.bits());
    Tensor into = Tensor.allocate(arena, dtype(), shape);
    pack(codes, into);
    return into;
  }
}
