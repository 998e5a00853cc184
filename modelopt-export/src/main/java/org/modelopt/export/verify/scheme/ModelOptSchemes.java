package org.modelopt.export.verify.scheme;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.modelopt.export.verify.scheme.Part.Merge;
import org.modelopt.export.verify.scheme.Scheme.Carrier;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;

/**
 * Storage of the algorithms that a ModelOpt configuration names.
 *
 * <p>Source: vLLM, {@code layers/quantization/modelopt.py}; TensorRT-LLM, {@code
 * _torch/modules/linear.py}.
 */
public final class ModelOptSchemes {
  private static final Part.Dims MATRIX = (n, k) -> List.of(Shape.of(n, k));

  private ModelOptSchemes() {}

  /** The algorithms that are known, as ModelOpt spells them. */
  public static List<String> algorithms() {
    return List.of("FP8", "MIXED_PRECISION");
  }

  /**
   * The scheme of {@code algo}, spelled in upper case; empty if it is unknown.
   *
   * @param groupSize weights under one scale, 0 for the algorithm's own
   */
  public static Optional<Scheme> of(String algo, int groupSize) {
    return switch (algo) {
      case "FP8" -> Optional.of(fp8());
      default -> Optional.empty();
    };
  }

  /** w = q · weight_scale, one scale for the weight and one for the input. */
  private static Scheme fp8() {
    return new Scheme(
        "ModelOpt FP8",
        List.of(
            Part.codes("weight", Set.of(DType.F8_E4M3), MATRIX),
            Part.scalar("weight_scale", Merge.LARGEST),
            Part.scalar("input_scale", Merge.LARGEST)),
        Tile.TENSOR,
        Grid.E4M3,
        1,
        1,
        448,
        Carrier.PLAIN,
        (tensors, n, k) -> {
          MemorySegment codes = tensors.get("weight").segment();
          float scale = Decode.scale(tensors.get("weight_scale"), 0);
          return (from, rows, values, steps) -> {
            for (int i = 0; i < rows * Math.toIntExact(k); i++) {
              values[i] = Decode.e4m3(Decode.unsigned(codes, from * k + i)) * scale;
            }
          };
        });
  }
}
