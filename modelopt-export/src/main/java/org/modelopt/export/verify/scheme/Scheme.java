package org.modelopt.export.verify.scheme;

import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.TensorInfo;

/**
 * How one quantized linear layer is stored: its tensors, and how to read values from them.
 *
 * <p>Written from the descriptions of the formats, not from what this library writes, so that a
 * mistake of the writer is not repeated here.
 *
 * @param label name for findings, for example {@code ModelOpt FP8}
 * @param parts the tensors, beside a bias
 * @param tile which elements share a scale
 * @param grid the values of the codes
 * @param rowMultiple what the number of rows must be a multiple of
 * @param columnMultiple what the number of columns must be a multiple of
 * @param inputLimit largest input that a static input scale of 1 stands for; 0 if there is none
 * @param carrier how many weights the elements of the codes' tensor hold
 * @param decoding how to read values
 * @param inspection further rules on the elements
 */
public record Scheme(
    String label,
    List<Part> parts,
    Tile tile,
    Grid grid,
    long rowMultiple,
    long columnMultiple,
    double inputLimit,
    Carrier carrier,
    Decoding decoding,
    Inspection inspection) {
  /** Copies the list. */
  public Scheme {
    parts = List.copyOf(parts);
  }

  /**
   * The tensor of the codes: an element holds {@code rows} times {@code columns} weights.
   *
   * @param suffix which tensor it is
   * @param rows weight rows in one element
   * @param columns weight columns in one element
   * @param transposed whether its first axis goes along the weight's columns
   */
  public record Carrier(String suffix, int rows, int columns, boolean transposed) {
    /** One element, one weight. */
    static final Carrier PLAIN = new Carrier("weight", 1, 1, false);

    /** Shape [N, K] of the weight whose codes have {@code shape}; empty if that is no matrix. */
    public Optional<Shape> weightShape(Shape shape) {
      if (shape.rank() != 2) {
        return Optional.empty();
      }
      long n = transposed ? shape.dim(1) : shape.dim(0);
      long k = transposed ? shape.dim(0) : shape.dim(1);
      return Optional.of(Shape.of(n * rows, k * columns));
    }
  }

  /** Opens the tensors of one layer for reading row by row. */
  @FunctionalInterface
  public interface Decoding {
    /** A decoder for a weight [n, k]; the tensors were checked against {@link #parts()}. */
    RowDecoder open(Tensors tensors, long n, long k);
  }

  /** The tensor called {@code suffix}, if it is one of this scheme. */
  public Optional<Part> part(String suffix) {
    return parts.stream().filter(part -> part.suffix().equals(suffix)).findFirst();
  }

  /**
   * Whether a weight [n, k] can be decoded: what is required is there, types and shapes are right.
   */
  public boolean isReadable(long n, long k, Function<String, Optional<TensorInfo>> tensors) {
    if (n % rowMultiple != 0 || k % columnMultiple != 0) {
      return false;
    }
    for (Part part : parts) {
      Optional<TensorInfo> info = tensors.apply(part.suffix());
      if (info.isEmpty() ? part.required() : !part.accepts(info.get(), n, k)) {
        return false;
      }
    }
    return true;
  }

  /** Whether codes are evenly spaced, so that errors can be counted in codes. */
  public boolean hasSteps() {
    return grid.mantissaBits() < 0;
  }
}
