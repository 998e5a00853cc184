package org.modelopt.benchmarks.formats;

import java.util.List;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.tensor.Shape;

/** The formats that are measured. */
final class Named {
  /** All names. */
  static final List<String> ALL =
      List.of(
          "FP8",
          "FP8_PER_CHANNEL",
          "FP8_128X128",
          "INT8",
          "INT8_PER_CHANNEL",
          "INT4_BLOCK_128",
          "INT4_BLOCK_64",
          "INT4_BLOCK_32",
          "UINT4_BLOCK_128",
          "MXFP8",
          "MXFP8_E5M2",
          "MXFP6",
          "MXFP6_E2M3",
          "MXFP4",
          "MXINT8",
          "NVFP4",
          "NVFP4_FOUR_OVER_SIX",
          "NF4");

  /** Those of the table of speeds. */
  static final List<String> MEASURED =
      List.of(
          "FP8",
          "FP8_PER_CHANNEL",
          "FP8_128X128",
          "INT8",
          "INT8_PER_CHANNEL",
          "INT4_BLOCK_128",
          "MXFP8",
          "MXFP6",
          "MXFP4",
          "MXINT8",
          "NVFP4",
          "NVFP4_FOUR_OVER_SIX",
          "NF4");

  private Named() {}

  static QuantSpec spec(String name) {
    return switch (name) {
      case "FP8" -> QuantSpec.FP8;
      case "FP8_PER_CHANNEL" -> QuantSpec.FP8_PER_CHANNEL;
      case "FP8_128X128" -> QuantSpec.FP8_BLOCK_128X128;
      case "INT8" -> QuantSpec.INT8;
      case "INT8_PER_CHANNEL" -> QuantSpec.INT8_PER_CHANNEL;
      case "INT4_BLOCK_128" -> QuantSpec.INT4_BLOCK_128;
      case "INT4_BLOCK_64" -> QuantSpec.INT4_BLOCK_64;
      case "INT4_BLOCK_32" -> QuantSpec.INT4_BLOCK_32;
      case "UINT4_BLOCK_128" -> QuantSpec.UINT4_BLOCK_128;
      case "MXFP8" -> QuantSpec.MXFP8;
      case "MXFP8_E5M2" -> QuantSpec.MXFP8_E5M2;
      case "MXFP6" -> QuantSpec.MXFP6;
      case "MXFP6_E2M3" -> QuantSpec.MXFP6_E2M3;
      case "MXFP4" -> QuantSpec.MXFP4;
      case "MXINT8" -> QuantSpec.MXINT8;
      case "NVFP4" -> QuantSpec.NVFP4;
      case "NVFP4_FOUR_OVER_SIX" -> QuantSpec.NVFP4_FOUR_OVER_SIX;
      case "NF4" -> QuantSpec.NF4;
      default -> throw new IllegalArgumentException("no format called " + name);
    };
  }

  /** Bytes of codes and scales of a matrix. */
  static long bytes(QuantSpec spec, Shape shape) {
    Shape scales = spec.granularity().scaleShape(shape);
    return spec.codesDType().byteSize(spec.codesShape(shape).elements())
        + spec.scaleFormat().dtype().byteSize(scales.elements());
  }
}
