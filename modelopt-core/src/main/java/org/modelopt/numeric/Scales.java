package org.modelopt.numeric;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * The scales of one quantized tensor; a value stands for {@code code * scale} (times {@code
 * globalScale}), or {@code (code - zeroPoint) * scale}.
 *
 * @param values on the host, dtype by {@link ScaleFormat}, shape by {@link
 *     Granularity#scaleShape(Shape)}
 * @param globalScale float32 factor of all scales, 1 where the format has none
 * @param zeroPoints I32 of the shape of {@code values}, for asymmetric integers
 */
public record Scales(Tensor values, float globalScale, Optional<Tensor> zeroPoints) {
  /** Scales without global factor and zero points. */
  public static Scales of(Tensor values) {
    return new Scales(values, 1f, Optional.empty());
  }

  /**
   * Scales for a dynamic spec: none but the global one.
   *
   * @param globalScale 1 where the format has none
   */
  public static Scales dynamic(float globalScale) {
    Tensor none =
        Tensor.of(DType.F32, Shape.of(0), MemorySegment.ofArray(new float[0]).asReadOnly());
    return new Scales(none, globalScale, Optional.empty());
  }

  /** Memory for the scales of a tensor of {@code shape}, zero-filled, owned by {@code arena}. */
  public static Scales allocate(QuantSpec spec, Shape shape, float globalScale, Arena arena) {
    Shape scaleShape = spec.granularity().scaleShape(shape);
    Tensor values = Tensor.allocate(arena, spec.scaleFormat().dtype(), scaleShape);
    Optional<Tensor> zeroPoints =
        spec.scaleRule().hasZeroPoints()
            ? Optional.of(Tensor.allocate(arena, DType.I32, scaleShape))
            : Optional.empty();
    return new Scales(values, globalScale, zeroPoints);
  }

  /**
   * The scales of rows {@code from} (inclusive) to {@code to} (exclusive) of the tensor, not
   * copied.
   *
   * @throws IllegalArgumentException if the rows cut a tile
   */
  public Scales rows(Granularity granularity, long from, long to) {
    return switch (granularity) {
      case Granularity.PerTensor() -> this;
      case Granularity.PerChannel(), Granularity.PerToken(), Granularity.Block _ -> slice(from, to);
      case Granularity.Block2d(int rows, _) -> {
        long last = Math.ceilDiv(to, (long) rows);
        if (from % rows != 0 || (to % rows != 0 && last != values.shape().dim(0))) {
          throw new IllegalArgumentException(
              "rows %d to %d cut a tile of %d rows".formatted(from, to, rows));
        }
        yield slice(from / rows, last);
      }
    };
  }

  private Scales slice(long from, long to) {
    return new Scales(
        values.rows(from, to), globalScale, zeroPoints.map(points -> points.rows(from, to)));
  }
}
