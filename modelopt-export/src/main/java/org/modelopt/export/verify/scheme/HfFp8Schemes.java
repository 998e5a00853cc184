package org.modelopt.export.verify.scheme;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.modelopt.export.verify.scheme.Part.Dims;
import org.modelopt.export.verify.scheme.Part.Merge;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;

/**
 * Storage of the {@code fp8} method, as DeepSeek introduced it.
 *
 * <p>Source: vLLM, {@code layers/quantization/fp8.py}; transformers, {@code
 * integrations/finegrained_fp8.py}.
 */
public final class HfFp8Schemes {
  private HfFp8Schemes() {}

  /** w = q · weight_scale_inv of its block (multiplied, despite the name). */
  public static Scheme blocks(int rows, int columns) {
    Dims dims = (n, k) -> List.of(Shape.of(Math.ceilDiv(n, rows), Math.ceilDiv(k, columns)));
    return ModelOptSchemes.e4m3(
        "fp8 in blocks of %d by %d".formatted(rows, columns),
        new Tile(rows, columns),
        Grid.E4M3,
        1,
        List.of(Part.scales("weight_scale_inv", Set.of(DType.F32, DType.BF16), dims)));
  }

  /** w = q · weight_scale, with one scale for the input unless that is found at run time. */
  public static Scheme tensor(boolean staticInputs) {
    List<Part> scales = new ArrayList<>(List.of(Part.scalar("weight_scale", Merge.LARGEST)));
    if (staticInputs) {
      scales.add(Part.scalar("input_scale", Merge.LARGEST));
    }
    return ModelOptSchemes.e4m3("fp8 with one scale", Tile.TENSOR, Grid.E4M3, 1, scales);
  }
}
