package org.modelopt.export.verify.scheme;

import java.util.List;
import java.util.Set;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.TensorInfo;

/**
 * One tensor of a quantized linear layer.
 *
 * @param suffix name after the module path and a dot
 * @param required whether it must be there
 * @param dtypes the types that consumers read
 * @param dims its shape for a weight [N, K]
 * @param content what its elements are, which decides what they may be
 * @param merge what servers make of it when they join layers
 */
public record Part(
    String suffix, boolean required, Set<DType> dtypes, Dims dims, Content content, Merge merge) {
  /** The shape of a tensor that belongs to a weight of N rows and K columns. */
  @FunctionalInterface
  public interface Dims {
    /** Accepted shapes, the usual one first. */
    List<Shape> of(long n, long k);
  }

  /** What the elements of a tensor are. */
  public enum Content {
    /** Codes of the weight. */
    CODES,
    /** Numbers that must be finite and positive. */
    SCALE,
    /** Anything else, checked elsewhere. */
    OTHER
  }

  /** What a server makes of the members' tensors when it joins linear layers. */
  public enum Merge {
    /** Rows follow rows: each member keeps its own. */
    STACKED,
    /** One value for all: the members must be equal, or weights come out wrong. */
    EQUAL,
    /** One value for all, the largest: weights or activations are rescaled to it. */
    LARGEST
  }

  /** Copies the set. */
  public Part {
    dtypes = Set.copyOf(dtypes);
  }

  /** The types that real numbers are stored in. */
  static final Set<DType> REAL = Set.of(DType.F32, DType.F16, DType.BF16);

  /** One element for each weight. */
  static final Dims MATRIX = (n, k) -> List.of(Shape.of(n, k));

  /** One element for two weights of a row. */
  static final Dims HALF_COLUMNS = (n, k) -> List.of(Shape.of(n, k / 2));

  /** A single value, stored with no dimension or with one of size 1. */
  static final Dims SCALAR = (n, k) -> List.of(Shape.scalar(), Shape.of(1));

  /** Codes with one tensor row for each weight row. */
  static Part codes(String suffix, Set<DType> dtypes, Dims dims) {
    return new Part(suffix, true, dtypes, dims, Content.CODES, Merge.STACKED);
  }

  /** Scales of rows or groups. */
  static Part scales(String suffix, Set<DType> dtypes, Dims dims) {
    return new Part(suffix, true, dtypes, dims, Content.SCALE, Merge.STACKED);
  }

  /** One F32 scale. */
  static Part scalar(String suffix, Merge merge) {
    return new Part(suffix, true, Set.of(DType.F32), SCALAR, Content.SCALE, merge);
  }

  /** Something that is neither code nor scale. */
  static Part other(String suffix, Set<DType> dtypes, Dims dims, Merge merge) {
    return new Part(suffix, true, dtypes, dims, Content.OTHER, merge);
  }

  /** Whether {@code info} has the type and the shape of this tensor for a weight [n, k]. */
  public boolean accepts(TensorInfo info, long n, long k) {
    return dtypes.contains(info.dtype()) && dims.of(n, k).contains(info.shape());
  }

  /** The same tensor, which may be absent. */
  Part optional() {
    return new Part(suffix, false, dtypes, dims, content, merge);
  }
}
