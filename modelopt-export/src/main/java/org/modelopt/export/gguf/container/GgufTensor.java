package org.modelopt.export.gguf.container;

import java.util.List;
import org.modelopt.formats.ggml.GgmlType;

/**
 * What a file says of one tensor.
 *
 * @param name unique, at most {@link GgufLimits#NAME_BYTES} bytes
 * @param type storage type
 * @param extents sizes, the contiguous one first: a row-major matrix {@code [out, in]} has {@code
 *     (in, out)}
 */
public record GgufTensor(String name, GgmlType type, List<Long> extents) {
  /** Copies the list. */
  public GgufTensor {
    extents = List.copyOf(extents);
  }

  /** A tensor with these extents. */
  public static GgufTensor of(String name, GgmlType type, long... extents) {
    return new GgufTensor(name, type, java.util.Arrays.stream(extents).boxed().toList());
  }

  /** Extent number {@code axis}; 1 beyond those that are given. */
  public long extent(int axis) {
    return axis < extents.size() ? extents.get(axis) : 1;
  }

  /** Length of a row: the first extent. */
  public long columns() {
    return extent(0);
  }

  /** Number of rows: the product of all extents but the first. */
  public long rows() {
    return extents.stream().skip(1).reduce(1L, Math::multiplyExact);
  }

  /** Number of elements. */
  public long elements() {
    return Math.multiplyExact(columns(), rows());
  }

  /** Size in bytes, without padding. */
  public long byteSize() {
    return Math.multiplyExact(type.byteSize(columns()), rows());
  }
}
