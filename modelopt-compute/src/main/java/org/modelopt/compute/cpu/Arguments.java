package org.modelopt.compute.cpu;

import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** Checks of what callers hand to an operation; failures name operation, argument and sizes. */
final class Arguments {
  private Arguments() {}

  /** A matrix {@code [rows, columns]} of F32 or BF16. */
  static void matrix(String operation, String name, Tensor tensor) {
    floats(operation, name, tensor);
    if (tensor.shape().rank() != 2) {
      throw wrong(operation, name, tensor, "a matrix");
    }
  }

  /** Elements of F32 or BF16. */
  static void floats(String operation, String name, Tensor tensor) {
    if (tensor.dtype() != DType.F32 && tensor.dtype() != DType.BF16) {
      throw wrong(operation, name, tensor, "F32 or BF16");
    }
  }

  static void dtype(String operation, String name, Tensor tensor, DType dtype) {
    if (tensor.dtype() != dtype) {
      throw wrong(operation, name, tensor, "" + dtype);
    }
  }

  static void shape(String operation, String name, Tensor tensor, long... dims) {
    Shape expected = Shape.of(dims);
    if (!tensor.shape().equals(expected)) {
      throw wrong(operation, name, tensor, "shape " + expected);
    }
  }

  /** Starts of sequences: ascending from 0 to {@code rows}. */
  static void starts(String operation, int[] starts, long rows) {
    boolean good = starts.length > 0 && starts[0] == 0 && starts[starts.length - 1] == rows;
    for (int i = 1; i < starts.length; i++) {
      good &= starts[i - 1] <= starts[i];
    }
    if (!good) {
      throw new IllegalArgumentException(
          "%s: starts of sequences must ascend from 0 to the %d rows but are %s"
              .formatted(operation, rows, java.util.Arrays.toString(starts)));
    }
  }

  private static IllegalArgumentException wrong(
      String operation, String name, Tensor tensor, String expected) {
    return new IllegalArgumentException(
        "%s: %s must be %s but is %s %s"
            .formatted(operation, name, expected, tensor.dtype(), tensor.shape()));
  }
}
