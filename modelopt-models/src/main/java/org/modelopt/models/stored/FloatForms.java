package org.modelopt.models.stored;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.modelopt.model.Linear;
import org.modelopt.numeric.Granularity;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.QuantizedTensor;
import org.modelopt.numeric.Scales;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * Weights whose codes are FP8, FP4 or INT8, stored row by row as the library has them; only scales
 * differ in name, shape and sense. Source: loaders of vLLM and TensorRT-LLM.
 */
final class FloatForms {
  private static final List<String> CODES = List.of("weight", "weight_packed");
  private static final List<String> SCALES = List.of("weight_scale", "weight_scale_inv");
  private static final List<Integer> NVFP4_BLOCKS = List.of(16, 32);
  private static final int MX_BLOCK = 32;

  private FloatForms() {}

  /**
   * The weight of {@code linear}, if it is stored in one of these forms.
   *
   * @param tile rows and columns under one scale where scales are for tiles
   */
  static Optional<StoredWeight> find(Linear linear, Fields fields, Granularity.Block2d tile) {
    Optional<String> codes = CODES.stream().filter(f -> fields.find(f).isPresent()).findFirst();
    Optional<String> scales = SCALES.stream().filter(f -> fields.find(f).isPresent()).findFirst();
    if (codes.isEmpty() || scales.isEmpty()) {
      return Optional.empty();
    }
    return new Candidate(linear, fields, codes.get(), scales.get()).match(tile);
  }

  private record Candidate(Linear linear, Fields fields, String codes, String scale) {
    Optional<StoredWeight> match(Granularity.Block2d tile) {
      long rows = linear.outFeatures();
      long columns = linear.inFeatures();
      Shape shape = Shape.of(rows, columns);
      Shape half = Shape.of(rows, columns / 2);
      DType scaleType = fields.find(scale).orElseThrow().dtype();
      long scaleCount = fields.find(scale).orElseThrow().shape().elements();
      boolean mxScales = scaleType == DType.U8 || scaleType == DType.F8_E8M0;
      if (fields.has(codes, DType.U8, half) && scaleType == DType.F8_E4M3) {
        for (int block : NVFP4_BLOCKS) {
          if (scaleCount == rows * (columns / block)) {
            return Optional.of(nvfp4(block));
          }
        }
        return Optional.empty();
      }
      if (mxScales && scaleCount == rows * (columns / MX_BLOCK)) {
        if (fields.has(codes, DType.U8, half)) {
          return Optional.of(microscaled(QuantSpec.MXFP4));
        }
        return fields.has(codes, DType.F8_E4M3, shape)
            ? Optional.of(microscaled(QuantSpec.MXFP8))
            : Optional.empty();
      }
      if (!scaleType.isWideFloat()) {
        return Optional.empty();
      }
      if (fields.has(codes, DType.F8_E4M3, shape)) {
        return wide(QuantSpec.FP8, scaleCount, tile);
      }
      return fields.has(codes, DType.I8, shape)
          ? wide(QuantSpec.INT8, scaleCount, tile)
          : Optional.empty();
    }

    private Optional<StoredWeight> wide(QuantSpec plain, long count, Granularity.Block2d tile) {
      Shape shape = Shape.of(linear.outFeatures(), linear.inFeatures());
      return Stream.of(Granularity.perTensor(), Granularity.perChannel(), tile)
          .filter(granularity -> granularity.scaleShape(shape).elements() == count)
          .findFirst()
          .map(plain::withGranularity)
          .map(spec ->
              of(
                  spec,
                  arena ->
                      Scales.of(
                          fields.floats(scale, spec.granularity().scaleShape(shape), arena))));
    }

    private StoredWeight nvfp4(int block) {
      return of(
          QuantSpec.NVFP4.withGranularity(Granularity.block(block)),
          arena -> {
            // compressed-tensors stores the inverse.
            float global =
                fields.find("weight_scale_2").isPresent()
                    ? fields.scalar("weight_scale_2")
                    : 1 / fields.scalar("weight_global_scale");
            return new Scales(fields.open(scale, arena), global, Optional.empty());
          });
    }

    private StoredWeight microscaled(QuantSpec spec) {
      return of(spec, arena -> Scales.of(fields.open(scale, arena).viewAs(DType.F8_E8M0)));
    }

    private interface ScaleReader {
      Scales read(java.lang.foreign.Arena arena);
    }

    private StoredWeight of(QuantSpec spec, ScaleReader scales) {
      Shape shape = Shape.of(linear.outFeatures(), linear.inFeatures());
      Set<String> names =
          Stream.of(codes, scale, "weight_scale_2", "weight_global_scale")
              .filter(field -> fields.find(field).isPresent())
              .map(fields::name)
              .collect(Collectors.toSet());
      return new StoredWeight(
          spec,
          names,
          arena -> {
            Tensor stored = fields.open(codes, arena);
            return new QuantizedTensor(spec, shape, stored, scales.read(arena));
          });
    }
  }
}
