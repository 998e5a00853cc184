package org.modelopt.export.compressed;

import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.modelopt.decision.Quantization;
import org.modelopt.export.hf.LinearLayout;
import org.modelopt.export.hf.LinearTensor;
import org.modelopt.export.hf.LinearTensors;
import org.modelopt.export.write.SpecTraits;
import org.modelopt.formats.packing.Codes;
import org.modelopt.formats.packing.Packings;
import org.modelopt.model.Linear;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * What linears look like in checkpoints of compressed-tensors. Scales multiply, but the global
 * scales of NVFP4 divide.
 */
final class CompressedLayouts {
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final Shape ONE = Shape.of(1);

  private CompressedLayouts() {}

  static LinearLayout of(
      CompressedScheme scheme, Linear linear, QuantSpec spec, Optional<Quantization> input) {
    List<LinearTensor> tensors = new ArrayList<>();
    Shape scales = spec.granularity().scaleShape(LinearTensors.shape(linear));
    switch (scheme.kind()) {
      case FLOAT, INT -> {
        tensors.add(LinearTensors.codes("weight", linear, spec));
        tensors.add(LinearTensors.scales("weight_scale", twoAxes(scales), DType.F32));
      }
      case MXFP8 -> {
        tensors.add(LinearTensors.codes("weight", linear, spec));
        tensors.add(LinearTensors.scales("weight_scale", scales, DType.U8));
      }
      case MXFP4 -> {
        tensors.add(LinearTensors.codes("weight_packed", linear, spec));
        tensors.add(LinearTensors.scales("weight_scale", scales, DType.U8));
      }
      case NVFP4 -> {
        tensors.add(LinearTensors.codes("weight_packed", linear, spec));
        tensors.add(LinearTensors.scales("weight_scale", scales, DType.F8_E4M3));
        tensors.add(
            new LinearTensor(
                "weight_global_scale",
                DType.F32,
                ONE,
                (form, pass, arena) ->
                    Tensor.ofFloats(
                        arena,
                        ONE,
                        InverseScales.reciprocal(form.codes().scales().globalScale()))));
        input.ifPresent(quantization ->
            tensors.add(
                LinearTensors.number(
                    "input_global_scale",
                    ONE,
                    InverseScales.reciprocal(quantization.scales().globalScale()))));
      }
      case PACKED -> addPacked(tensors, linear, spec);
    }
    if (scheme.hasStaticInputs()) {
      float scale = input.orElseThrow().scales().values().getFloat(0);
      tensors.add(LinearTensors.number("input_scale", ONE, scale));
    }
    return new LinearLayout(tensors);
  }

  private static void addPacked(List<LinearTensor> tensors, Linear linear, QuantSpec spec) {
    SpecTraits traits = new SpecTraits(spec);
    int bits = spec.format().bits();
    boolean zeroPoints = traits.hasZeroPoints(bits);
    long groups = LinearTensors.groups(linear, spec);
    tensors.add(
        LinearTensors.packed(
            "weight_packed", linear, spec, Packings.ALONG_COLUMNS, !zeroPoints, DType.I32));
    tensors.add(
        LinearTensors.scales(
            "weight_scale", Shape.of(linear.outFeatures(), groups), spec.scaleFormat().dtype()));
    tensors.add(
        new LinearTensor(
            "weight_shape",
            DType.I64,
            Shape.of(2),
            (form, pass, arena) -> {
              Tensor shape = Tensor.allocate(arena, DType.I64, Shape.of(2));
              shape.segment().set(LONG, 0, linear.outFeatures());
              shape.segment().set(LONG, 8, linear.inFeatures());
              return shape;
            }));
    if (zeroPoints) {
      tensors.add(
          new LinearTensor(
              "weight_zero_point",
              DType.I32,
              Packings.ALONG_ROWS.shape(linear.outFeatures(), groups, bits),
              (form, pass, arena) ->
                  Packings.ALONG_ROWS.pack(
                      Codes.ofIntegers(LinearTensors.zeroPoints(form, arena), bits, 0, arena),
                      arena)));
    }
  }

  /** One scale is {@code [1]}, one for each row {@code [rows, 1]}. */
  private static Shape twoAxes(Shape scales) {
    return switch (scales.rank()) {
      case 0 -> ONE;
      case 1 -> Shape.of(scales.dim(0), 1);
      default -> scales;
    };
  }
}
