package org.modelopt.numeric;

import java.util.ArrayList;
import java.util.List;
import org.modelopt.tensor.Shape;

/** Which elements of a matrix {@code [rows, columns]} share a scale. */
public sealed interface Granularity {
  /** One scale for the whole tensor. */
  record PerTensor() implements Granularity {}

  /** One scale per row: per output channel of a weight {@code [out, in]}. */
  record PerChannel() implements Granularity {}

  /** One scale per row of an activation matrix: per token. */
  record PerToken() implements Granularity {}

  /**
   * One scale per run of consecutive elements of a row; the last run of a row may be shorter.
   *
   * @param size elements per block, at least 1
   */
  record Block(int size) implements Granularity {
    /** Checks the size. */
    public Block {
      if (size < 1) {
        throw new IllegalArgumentException("block size must be at least 1 but is " + size);
      }
    }
  }

  /**
   * One scale per tile; tiles at the right and lower edge may be smaller.
   *
   * @param rows rows per tile, at least 1
   * @param columns columns per tile, at least 1
   */
  record Block2d(int rows, int columns) implements Granularity {
    /** Checks the sizes. */
    public Block2d {
      if (rows < 1 || columns < 1) {
        throw new IllegalArgumentException(
            "tile sizes must be at least 1 but are " + rows + " x " + columns);
      }
    }
  }

  /**
   * Shape of the scales of a tensor: {@code []} per tensor, {@code [rows]} per channel or token,
   * {@code [rows, ceil(columns / size)]} for blocks, {@code [ceil(rows / r), ceil(columns / c)]}
   * for tiles. Where the tensor has more axes, those before the last take the place of rows.
   *
   * @throws IllegalArgumentException for tiles of a tensor that is no matrix
   */
  default Shape scaleShape(Shape tensor) {
    List<Long> dims = tensor.dims();
    List<Long> outer = new ArrayList<>(dims.subList(0, Math.max(0, dims.size() - 1)));
    switch (this) {
      case PerTensor() -> outer.clear();
      case PerChannel(), PerToken() -> {}
      case Block(int size) -> outer.add(Math.ceilDiv(tensor.columns(), (long) size));
      case Block2d(int rows, int columns) -> {
        if (tensor.rank() != 2) {
          throw new IllegalArgumentException(
              "tiles need a matrix but the tensor is " + tensor + "; take its matrices one by one");
        }
        outer.set(0, Math.ceilDiv(tensor.dim(0), (long) rows));
        outer.add(Math.ceilDiv(tensor.dim(1), (long) columns));
      }
    }
    return Shape.of(outer.stream().mapToLong(Long::longValue).toArray());
  }

  /** One scale for the whole tensor. */
  static Granularity perTensor() {
    return new PerTensor();
  }

  /** One scale per row of a weight. */
  static Granularity perChannel() {
    return new PerChannel();
  }

  /** One scale per row of activations. */
  static Granularity perToken() {
    return new PerToken();
  }

  /** One scale per {@code size} consecutive elements of a row. */
  static Granularity block(int size) {
    return new Block(size);
  }

  /** One scale per tile of {@code rows} by {@code columns}. */
  static Granularity block2d(int rows, int columns) {
    return new Block2d(rows, columns);
  }
}
