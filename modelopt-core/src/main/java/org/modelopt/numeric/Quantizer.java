package org.modelopt.numeric;

import java.lang.foreign.Arena;
import org.modelopt.compute.Scope;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Tensor;

/**
 * Converts tensors to and from one {@link QuantSpec} on one backend. Matrices are F32, BF16 or F16
 * {@code [rows, columns]} (more axes count as rows). Rounding is to nearest even from a float32
 * quotient {@code x / scale}; magnitudes beyond the largest finite value saturate. A {@link
 * Conversion} other than the default changes this.
 *
 * <p>By default all methods throw {@link org.modelopt.error.CheckpointException} on NaN or infinite
 * elements, naming the first bad one. Results do not depend on the number of threads. Quantizers
 * are immutable; several threads may use one if the backend's workers allow it.
 *
 * <p>The methods that fill given memory allocate nothing. With {@link Matrix#rows}, {@link
 * QuantizedTensor#rows} and {@link Scales#rows} a large tensor is converted piece by piece; the
 * result is the same as in one call, given the same global scale.
 */
public interface Quantizer {
  /** What this converts to. */
  QuantSpec spec();

  /** How this converts. */
  Conversion conversion();

  /** A quantizer of the same spec and backend that converts by {@code conversion}. */
  Quantizer with(Conversion conversion);

  /**
   * Largest magnitude of the elements that share a scale.
   *
   * @param into F32 of the shape of {@link Scales#values()}
   */
  void amax(Matrix x, Tensor into);

  /**
   * The global scale of a tensor with largest magnitude {@code tensorAmax}: {@code amax / (max *
   * 448)}, for NVFP4 {@code amax / 2688} ({@code amax / 1536} for four over six); 1 for amax 0 and
   * for formats without global scale.
   */
  float globalScale(float tensorAmax);

  /** Scales by the spec's rule, from elements, under the global scale that {@code into} has. */
  void scales(Matrix x, Scales into);

  /**
   * Scales by the spec's rule, from given maxima, under the global scale that {@code into} has.
   *
   * @param amax F32 with the shape that {@link Scales#values()} has; not NaN, infinite or negative
   * @throws IllegalArgumentException if the rule needs more than amax
   */
  void scalesOfAmax(Tensor amax, Scales into);

  /**
   * Codes under given scales.
   *
   * @param codes of the spec's {@link QuantSpec#codesDType()} and {@link QuantSpec#codesShape}
   */
  void quantize(Matrix x, Scales scales, Tensor codes);

  /** Scales and codes in one pass, under the global scale that {@code into} has. */
  void quantize(Matrix x, QuantizedTensor into);

  /**
   * The values that codes stand for, as F32, BF16 or F16 {@code into}, on the host. Rounding is to
   * nearest even; what a finite code stands for stays finite: magnitudes beyond the largest value
   * of the target type become it.
   */
  void dequantize(QuantizedTensor quantized, Tensor into);

  /**
   * What quantizing and dequantizing makes of {@code tensor}, which is on the backend's device, in
   * its own type.
   *
   * @param scales given scales; of dynamic specs only the global scale counts, see {@link
   *     Scales#dynamic}
   */
  Tensor fakeQuantize(Tensor tensor, Scales scales, Scope scope);

  /**
   * What encoding and decoding does to elements, summed over all of them.
   *
   * @param error sum of squared differences
   * @param square sum of squares of the elements
   * @param beyond elements larger than {@code slack} times what their scale reaches; 0 where one
   *     scale has all, or zero points
   */
  record RoundTrip(double error, double square, long beyond) {}

  /**
   * What encoding and decoding host elements under given scales does, without keeping codes.
   *
   * @param slack see {@link RoundTrip#beyond}
   */
  RoundTrip roundTrip(Matrix x, Scales scales, float slack);

  /** Largest magnitudes of the elements that share a scale, F32, in memory of {@code arena}. */
  default Tensor amax(Tensor tensor, Arena arena) {
    Tensor amax =
        Tensor.allocate(arena, DType.F32, spec().granularity().scaleShape(tensor.shape()));
    amax(Matrix.of(tensor), amax);
    return amax;
  }

  /** Scales from the elements of a host tensor, its own amax giving the global scale if any. */
  Scales scales(Tensor tensor, Arena arena);

  /** Scales from the elements of a host tensor under a given global scale. */
  default Scales scales(Tensor tensor, float globalScale, Arena arena) {
    Scales scales = Scales.allocate(spec(), tensor.shape(), globalScale, arena);
    scales(Matrix.of(tensor), scales);
    return scales;
  }

  /** Scales from given maxima, the largest of them giving the global scale if any. */
  Scales scalesOfAmax(Tensor amax, Arena arena);

  /** Codes of a host tensor under given scales. */
  default QuantizedTensor quantize(Tensor tensor, Scales scales, Arena arena) {
    Tensor codes = Tensor.allocate(arena, spec().codesDType(), spec().codesShape(tensor.shape()));
    quantize(Matrix.of(tensor), scales, codes);
    return new QuantizedTensor(spec(), tensor.shape(), codes, scales);
  }

  /** Scales and codes of a host tensor in one pass under a given global scale. */
  default QuantizedTensor quantize(Tensor tensor, float globalScale, Arena arena) {
    QuantizedTensor quantized =
        QuantizedTensor.allocate(spec(), tensor.shape(), globalScale, arena);
    quantize(Matrix.of(tensor), quantized);
    return quantized;
  }
}
