package org.modelopt.compute.cpu;

import java.util.Arrays;
import java.util.List;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** Checks of what callers hand to an operation; failures name operation, argument and sizes. */
public final class Arguments {
  private Arguments() {}

  /** A matrix {@code [rows, columns]} of F32 or BF16. */
  public static void matrix(String operation, String name, Tensor tensor) {
    floats(operation, name, tensor);
    if (tensor.shape().rank() != 2) {
      throw wrong(operation, name, tensor, "a matrix");
    }
  }

  /** Columns {@code from} to {@code to}, at least one, of {@code columns}. */
  public static void range(String operation, int from, int to, long columns) {
    if (from < 0 || to <= from || to > columns) {
      throw new IllegalArgumentException(
          "%s: columns %d to %d are not some of %d".formatted(operation, from, to, columns));
    }
  }

  /** Elements of F32 or BF16. */
  public static void floats(String operation, String name, Tensor tensor) {
    if (tensor.dtype() != DType.F32 && tensor.dtype() != DType.BF16) {
      throw wrong(operation, name, tensor, "of F32 or BF16");
    }
  }

  public static void typeAndShape(
      String operation, String name, Tensor tensor, DType dtype, long... dims) {
    Shape expected = Shape.of(dims);
    if (tensor.dtype() != dtype || !tensor.shape().equals(expected)) {
      throw wrong(operation, name, tensor, dtype + " " + expected);
    }
  }

  /** The type and shape of another tensor. */
  public static void same(String operation, String name, Tensor tensor, Tensor other) {
    if (tensor.dtype() != other.dtype() || !tensor.shape().equals(other.shape())) {
      throw wrong(operation, name, tensor, other.dtype() + " " + other.shape());
    }
  }

  /** Matrices of one type that agree in one of their two sizes. */
  public static void sources(String operation, List<Tensor> sources, int axis) {
    if (sources.isEmpty()) {
      throw new IllegalArgumentException(operation + ": there are no sources");
    }
    Tensor first = sources.getFirst();
    for (int i = 0; i < sources.size(); i++) {
      Tensor source = sources.get(i);
      matrix(operation, "source " + i, source);
      if (source.dtype() != first.dtype() || source.shape().dim(axis) != first.shape().dim(axis)) {
        throw wrong(
            operation,
            "source " + i,
            source,
            "%s with %d %s"
                .formatted(first.dtype(), first.shape().dim(axis), axis == 0 ? "rows" : "columns"));
      }
    }
  }

  /** Rows or columns of sources that are stacked along {@code axis}. */
  public static void indices(String operation, int[] indices, List<Tensor> sources, int axis) {
    long limit = sources.stream().mapToLong(source -> source.shape().dim(axis)).sum();
    for (int index : indices) {
      if (index < 0 || index >= limit) {
        throw new IllegalArgumentException(
            "%s: index %d is outside the %d %s of the sources"
                .formatted(operation, index, limit, axis == 0 ? "rows" : "columns"));
      }
    }
  }

  /** Keys for all queries: as many, or with one sequence at least as many. */
  public static void keys(String operation, long keys, long queries, int[] starts) {
    if (keys < queries || (keys > queries && starts.length != 2)) {
      throw new IllegalArgumentException(
          "%s: %d keys do not fit %d queries of %d sequences; only one sequence may have more keys"
              .formatted(operation, keys, queries, starts.length - 1));
    }
  }

  /** Rows of a table. */
  public static void tokens(String operation, int[] ids, long vocabulary) {
    for (int i = 0; i < ids.length; i++) {
      if (ids[i] < 0 || ids[i] >= vocabulary) {
        throw new IllegalArgumentException(
            "%s: token %d has id %d but the table has %d rows; use the model's own tokenizer"
                .formatted(operation, i, ids[i], vocabulary));
      }
    }
  }

  /** One target within the vocabulary, or negative, per row of logits. */
  public static void targets(String operation, int[] targets, Shape logits) {
    if (targets.length != logits.dim(0)) {
      throw new IllegalArgumentException(
          "%s: there are %d targets for logits %s".formatted(operation, targets.length, logits));
    }
    for (int target : targets) {
      if (target >= logits.dim(1)) {
        throw new IllegalArgumentException(
            "%s: target %d is outside the vocabulary of %d"
                .formatted(operation, target, logits.dim(1)));
      }
    }
  }

  /** Starts of sequences: ascending from 0 to {@code rows}. */
  public static void starts(String operation, int[] starts, long rows) {
    boolean good = starts.length > 0 && starts[0] == 0 && starts[starts.length - 1] == rows;
    for (int i = 1; i < starts.length; i++) {
      good &= starts[i - 1] <= starts[i];
    }
    if (!good) {
      throw new IllegalArgumentException(
          "%s: starts of sequences must ascend from 0 to the %d rows but are %s"
              .formatted(operation, rows, Arrays.toString(starts)));
    }
  }

  /** Whole heads, of which at most all elements are rotated. */
  public static void rotation(String operation, int columns, int headSize, int half) {
    if (headSize < 1 || columns % headSize != 0 || 2L * half > headSize) {
      throw new IllegalArgumentException(
          "%s: %d columns are not heads of %d elements of which %d are rotated"
              .formatted(operation, columns, headSize, 2L * half));
    }
  }

  /** Position of each row in its sequence, all below {@code limit}. */
  public static int[] positions(String operation, int[] starts, long limit) {
    int[] positions = new int[starts[starts.length - 1]];
    for (int sequence = 1; sequence < starts.length; sequence++) {
      int length = starts[sequence] - starts[sequence - 1];
      if (length > limit) {
        throw new IllegalArgumentException(
            "%s: a sequence has %d positions but cos and sin have %d rows; build them longer"
                .formatted(operation, length, limit));
      }
      for (int i = 0; i < length; i++) {
        positions[starts[sequence - 1] + i] = i;
      }
    }
    return positions;
  }

  private static IllegalArgumentException wrong(
      String operation, String name, Tensor tensor, String expected) {
    return new IllegalArgumentException(
        "%s: %s must be %s but is %s %s"
            .formatted(operation, name, expected, tensor.dtype(), tensor.shape()));
  }
}
