package org.modelopt.export.hf;

import java.lang.foreign.Arena;
import org.modelopt.formats.packing.Codes;
import org.modelopt.formats.packing.Packing;
import org.modelopt.job.LinearForm;
import org.modelopt.job.Weights;
import org.modelopt.model.Linear;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.QuantizedTensor;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** The tensors that layouts of several kinds of checkpoints have in common. */
public final class LinearTensors {
  private LinearTensors() {}

  /** Shape of the weight. */
  public static Shape shape(Linear linear) {
    return Shape.of(linear.outFeatures(), linear.inFeatures());
  }

  /** Codes as they come from the quantizer: bytes {@code [out, in * bits / 8]}. */
  public static LinearTensor codes(String suffix, Linear linear, QuantSpec spec) {
    return new LinearTensor(
        suffix,
        spec.codesDType(),
        spec.codesShape(shape(linear)),
        (form, pass, arena) -> form.codes().codes());
  }

  /**
   * Integer codes in another packing.
   *
   * @param offset whether two's complement is stored as {@code code + 2^(bits - 1)}
   * @param dtype type on disk, as wide as that of the packing
   */
  public static LinearTensor packed(
      String suffix, Linear linear, QuantSpec spec, Packing packing, boolean offset, DType dtype) {
    int bits = spec.format().bits();
    return new LinearTensor(
        suffix,
        dtype,
        packing.shape(linear.outFeatures(), linear.inFeatures(), bits),
        (form, pass, arena) -> {
          Codes codes = Codes.of(form.codes());
          return packing.pack(offset ? codes.withOffset() : codes, arena);
        });
  }

  /**
   * Scales in their stored order.
   *
   * @param shape shape on disk, of as many elements
   * @param dtype U8 for the bytes of E8M0 scales, else the type that scales are rounded to
   */
  public static LinearTensor scales(String suffix, Shape shape, DType dtype) {
    return new LinearTensor(
        suffix,
        dtype,
        shape,
        (form, pass, arena) -> {
          Tensor values = form.codes().scales().values();
          return values.dtype().bits() == dtype.bits()
                  && (dtype == DType.U8 || dtype == values.dtype())
              ? values.viewAs(dtype).reshape(shape)
              : Weights.rounded(values.reshape(shape), dtype, pass, arena);
        });
  }

  /** Scales {@code [out, groups]} transposed to {@code [groups, out]}. */
  public static LinearTensor transposedScales(
      String suffix, Linear linear, QuantSpec spec, DType dtype) {
    long groups = groups(linear, spec);
    return new LinearTensor(
        suffix,
        dtype,
        Shape.of(groups, linear.outFeatures()),
        (form, pass, arena) ->
            Weights.rounded(
                transposed(form.codes().scales().values(), linear.outFeatures(), groups, arena),
                dtype,
                pass,
                arena));
  }

  /** Scales in a row of the weight. */
  public static long groups(Linear linear, QuantSpec spec) {
    Shape scales = spec.granularity().scaleShape(shape(linear));
    return scales.elements() / linear.outFeatures();
  }

  /** An F32 tensor {@code [groups, rows]} of the floats {@code [rows, groups]}. */
  public static Tensor transposed(Tensor values, long rows, long groups, Arena arena) {
    Tensor into = Tensor.allocate(arena, DType.F32, Shape.of(groups, rows));
    for (long r = 0; r < rows; r++) {
      for (long g = 0; g < groups; g++) {
        into.segment().set(Tensor.FLOAT, 4 * (g * rows + r), values.getFloat(r * groups + g));
      }
    }
    return into;
  }

  /** The scale that all scales of the weight have in common. */
  public static LinearTensor globalScale(String suffix, Shape shape) {
    return new LinearTensor(
        suffix,
        DType.F32,
        shape,
        (form, pass, arena) -> Tensor.ofFloats(arena, shape, form.codes().scales().globalScale()));
  }

  /** A number that is known beforehand. */
  public static LinearTensor number(String suffix, Shape shape, float value) {
    return new LinearTensor(
        suffix, DType.F32, shape, (form, pass, arena) -> Tensor.ofFloats(arena, shape, value));
  }

  /** Factors of the input's channels, in their own type. */
  public static LinearTensor preScale(String suffix, Tensor factors) {
    return new LinearTensor(
        suffix, factors.dtype(), factors.shape(), (form, pass, arena) -> factors);
  }

  /**
   * Zero points as I32 {@code [out, groups]}; those that symmetric codes have once they are stored
   * as unsigned ones.
   */
  public static Tensor zeroPoints(LinearForm form, Arena arena) {
    QuantizedTensor codes = form.codes();
    if (codes.scales().zeroPoints().isPresent()) {
      return codes.scales().zeroPoints().get();
    }
    int half = 1 << (codes.spec().format().bits() - 1);
    long rows = codes.shape().rows();
    long groups = codes.scales().values().shape().elements() / rows;
    Tensor zeros = Tensor.allocate(arena, DType.I32, Shape.of(rows, groups));
    for (long i = 0; i < rows * groups; i++) {
      zeros.segment().set(Tensor.INT, 4 * i, half);
    }
    return zeros;
  }
}
