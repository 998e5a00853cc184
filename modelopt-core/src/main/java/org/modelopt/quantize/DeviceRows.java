package org.modelopt.quantize;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.modelopt.compute.Backend;
import org.modelopt.compute.Scope;
import org.modelopt.job.Pass;
import org.modelopt.numeric.Quantizer;
import org.modelopt.numeric.Scales;
import org.modelopt.statistics.RowSample;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * Sampled inputs and the weights that read them in the memory of a device, and the output errors
 * that quantizing the inputs makes, without a copy through the host.
 */
final class DeviceRows implements AutoCloseable {
  private final Backend backend;
  private final Scope scope;
  private final Tensor rows; // F32 [count, channels]
  private final List<Tensor> weights = new ArrayList<>(); // F32 [out, channels]

  DeviceRows(RowSample sample, Pass pass) {
    this.backend = pass.backend();
    this.scope = backend.openScope();
    Shape shape = Shape.of(sample.count(), sample.channels());
    this.rows =
        backend.toDevice(
            Tensor.ofFloats(Arena.ofAuto(), shape, sample.toArray()), DType.F32, scope);
  }

  /** Adds a weight on the host. */
  void add(Tensor weight) {
    weights.add(backend.toDevice(weight, DType.F32, scope));
  }

  /**
   * The squared error of all outputs of all weights per row, where the inputs are divided by {@code
   * factors} before they are quantized.
   */
  double error(float[] factors, Quantizer quantizer, Scales scales) {
    try (Scope one = backend.openScope()) {
      Tensor divided =
          backend.scaleColumns(rows, onDevice(ChannelScaling.reciprocals(factors), one), one);
      Tensor quantized = quantizer.fakeQuantize(divided, scales, one);
      Tensor noise =
          backend.scaleColumns(
              backend.add(quantized, backend.scale(divided, -1, one), one),
              onDevice(factors, one),
              one);
      double sum = 0;
      for (Tensor weight : weights) {
        try (Scope product = backend.openScope()) {
          Tensor errors = backend.linear(noise, weight, Optional.empty(), product);
          sum += Arrays.stream(backend.rowDots(errors, errors)).sum();
        }
      }
      return sum / rows.shape().dim(0);
    }
  }

  private Tensor onDevice(float[] factors, Scope one) {
    Tensor host = Tensor.ofFloats(Arena.ofAuto(), Shape.of(factors.length), factors);
    return backend.toDevice(host, DType.F32, one);
  }

  @Override
  public void close() {
    scope.close();
  }
}
