package org.modelopt.tensor;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Sizes of a tensor along its axes; an immutable value. Rank 0 is a scalar with one element.
 *
 * <p>Dimensions are zero or positive and their product fits a {@code long}.
 */
public final class Shape {
  private static final Shape SCALAR = new Shape(new long[0]);

  private final long[] dims;
  private final long elements;

  private Shape(long[] dims) {
    long product = 1;
    boolean empty = false;
    for (long dim : dims) {
      if (dim < 0) {
        throw new IllegalArgumentException("negative dimension in shape " + Arrays.toString(dims));
      }
      empty |= dim == 0;
      try {
        product = Math.multiplyExact(product, Math.max(dim, 1));
      } catch (ArithmeticException e) {
        throw new IllegalArgumentException(
            "shape " + Arrays.toString(dims) + " has more than 2^63 elements", e);
      }
    }
    this.dims = dims;
    this.elements = empty ? 0 : product;
  }

  /**
   * A shape with the given dimensions, outermost first.
   *
   * @throws IllegalArgumentException if one is negative or their product exceeds a {@code long}
   */
  public static Shape of(long... dims) {
    return dims.length == 0 ? SCALAR : new Shape(dims.clone());
  }

  /** The shape of a single value, rank 0. */
  public static Shape scalar() {
    return SCALAR;
  }

  /** Number of axes. */
  public int rank() {
    return dims.length;
  }

  /** Size along {@code axis}; negative axes count from the end, -1 is the last. */
  public long dim(int axis) {
    int index = axis < 0 ? axis + dims.length : axis;
    if (index < 0 || index >= dims.length) {
      throw new IllegalArgumentException("shape " + this + " has no axis " + axis);
    }
    return dims[index];
  }

  /** Number of elements: the product of all dimensions, 1 for a scalar. */
  public long elements() {
    return elements;
  }

  /** The dimensions, outermost first. */
  public List<Long> dims() {
    return Arrays.stream(dims).boxed().toList();
  }

  /** Product of all dimensions but the last, 1 for scalars and vectors: rows of a matrix view. */
  public long rows() {
    long rows = 1;
    for (int axis = 0; axis < dims.length - 1; axis++) {
      rows *= dims[axis];
    }
    return rows;
  }

  /** Size of the last axis, 1 for a scalar: columns of a matrix view. */
  public long columns() {
    return dims.length == 0 ? 1 : dims[dims.length - 1];
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Shape that && Arrays.equals(dims, that.dims);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(dims);
  }

  /** The dimensions as in a safetensors header, for example {@code [4096, 128]}. */
  @Override
  public String toString() {
    return Arrays.stream(dims).mapToObj(Long::toString).collect(Collectors.joining(", ", "[", "]"));
  }
}
