package org.modelopt.numeric;

import java.lang.foreign.Arena;
import org.modelopt.compute.Scope;
import org.modelopt.tensor.Tensor;

/**
 * Converts tensors to and from one {@link QuantSpec} on one backend. Matrices are F32, BF16 or F16
 * {@code [rows, columns]} (more axes count as rows). Rounding is to nearest even from a float32
 * quotient {@code x / scale}; magnitudes beyond the largest finite value saturate. A {@link
 * Conversion} other than the default changes this.
 *
 * <p>By default all methods throw {@link org.modelopt.error.CheckpointException} on NaN or infinite
 * elements, naming the first bad index. Results do not depend on the number of threads. Quantizers
 * are immutable; several threads may use one if the backend's workers allow it.
 */
public interface Quantizer {
  /** What this converts to. */
  QuantSpec spec();

  /** How this converts. */
  Conversion conversion();

  /** A quantizer of the same spec and backend that converts by {@code conversion}. */
  Quantizer with(Conversion conversion);

  /** Scales by the spec's rule from the elements of a host tensor; amax 0 gives scale 1. */
  Scales scales(Tensor tensor, Arena arena);

  /**
   * Scales by the spec's rule from given maxima.
   *
   * @param amax F32 with the shape that {@link Scales#values()} has; not NaN, infinite or negative
   */
  Scales scalesOfAmax(Tensor amax, Arena arena);

  /** Codes of a host tensor under given scales. */
  QuantizedTensor quantize(Tensor tensor, Scales scales, Arena arena);

  /** The values that codes stand for, as F32, BF16 or F16 {@code into}, on the host. */
  void dequantize(QuantizedTensor quantized, Tensor into);

  /**
   * What quantizing and dequantizing makes of {@code tensor}, which is on the backend's device, in
   * its own type.
   *
   * @param scales given scales; ignored by dynamic specs, except for their global scale
   */
  Tensor fakeQuantize(Tensor tensor, Scales scales, Scope scope);
}
