package org.modelopt.numeric;

import java.util.Optional;
import org.modelopt.tensor.Tensor;

/**
 * The scales of one quantized tensor; a value stands for {@code code * scale} (times {@code
 * globalScale}), or {@code (code - zeroPoint) * scale}.
 *
 * @param values on the host, dtype by {@link ScaleFormat}: {@code []} per tensor, {@code [rows]}
 *     per channel or token, {@code [rows, ceil(columns / size)]} for blocks, {@code [ceil(rows /
 *     r), ceil(columns / c)]} for tiles
 * @param globalScale float32 factor of all scales, 1 where the format has none
 * @param zeroPoints I32 of the shape of {@code values}, for asymmetric integers
 */
public record Scales(Tensor values, float globalScale, Optional<Tensor> zeroPoints) {
  /** Scales without global factor and zero points. */
  public static Scales of(Tensor values) {
    return new Scales(values, 1f, Optional.empty());
  }
}
