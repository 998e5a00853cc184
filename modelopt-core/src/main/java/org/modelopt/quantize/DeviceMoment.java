package org.modelopt.quantize;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.stream.IntStream;
import org.modelopt.compute.Backend;
import org.modelopt.compute.ChannelSummary;
import org.modelopt.compute.Scope;
import org.modelopt.job.Pass;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.Quantizer;
import org.modelopt.numeric.Scales;
import org.modelopt.statistics.SecondMoment;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * A second moment in the memory of a device, and the output errors of candidates that follow from
 * it, without a copy of weights or errors through the host. Worth it where the device has memory of
 * its own; the host's way ({@link ChannelScaling#errors}) needs half the memory and products.
 *
 * <p>The moment is an upper triangle whose blocks on the diagonal are halved, as {@link
 * SecondMoment} keeps it, with zeros below.
 */
final class DeviceMoment implements AutoCloseable {
  private final Pass pass;
  private final Backend backend;
  private final Scope scope;
  private final Tensor triangle; // F32 [channels, channels]
  private final long tokens;

  /** A copy on the device of {@code pass}. */
  DeviceMoment(SecondMoment moment, Pass pass) {
    this(moment, Optional.empty(), pass);
  }

  /**
   * A copy on the device of {@code pass} for inputs whose channels are multiplied by {@code
   * factors}.
   */
  DeviceMoment(SecondMoment moment, Optional<float[]> factors, Pass pass) {
    this.pass = pass;
    this.backend = pass.backend();
    this.scope = backend.openScope();
    this.tokens = moment.tokens();
    int channels = moment.channels();
    this.triangle = scope.allocate(DType.F32, Shape.of(channels, channels));
    try (Scope temporary = backend.openScope();
        Arena arena = Arena.ofShared()) {
      Shape zeros = Shape.of(Math.min(SecondMoment.PANEL, channels), channels);
      Tensor none =
          backend.toDevice(Tensor.allocate(arena, DType.F32, zeros), DType.F32, temporary);
      long first = 0;
      for (Tensor panel : moment.panels()) {
        try (Scope one = backend.openScope()) {
          Tensor rows = fromColumn(first, panel, none, one);
          int from = Math.toIntExact(first);
          Tensor scaled = factors.map(by -> scaled(rows, from, by, one)).orElse(rows);
          backend.copyRows(scaled, triangle, first);
        }
        first += panel.shape().dim(0);
      }
    }
  }

  /** A panel with zeros for the columns before {@code first}. */
  private Tensor fromColumn(long first, Tensor panel, Tensor none, Scope one) {
    Tensor rows = backend.toDevice(panel, DType.F32, one);
    int channels = Math.toIntExact(none.shape().dim(1));
    int[] columns =
        IntStream.range(0, channels).map(c -> c < first ? c : channels + c - (int) first).toArray();
    return first == 0
        ? rows
        : backend.columns(List.of(none.rows(0, panel.shape().dim(0)), rows), columns, one);
  }

  /** Rows {@code first} and on with rows and columns multiplied. */
  private Tensor scaled(Tensor rows, int first, float[] factors, Scope one) {
    int count = Math.toIntExact(rows.shape().dim(0));
    Tensor columns = backend.scaleColumns(rows, onDevice(factors, one), one);
    return backend.mixRows(
        List.of(columns),
        IntStream.range(0, count).toArray(),
        Arrays.copyOfRange(factors, first, first + count),
        1,
        one);
  }

  /** Whether {@code pass} computes on a device with memory of its own. */
  static boolean suits(Pass pass) {
    return pass.backend().activationBytes() > 0;
  }

  /** {@code tr(D H Dᵀ)} of the difference D of two matrices on the device. */
  private double error(Tensor a, Tensor b, Scope one) {
    Tensor difference = backend.add(a, backend.scale(b, -1, one), one);
    return quadratic(difference);
  }

  private double quadratic(Tensor d) {
    return 2 * Arrays.stream(backend.quadratics(d, triangle)).sum();
  }

  /**
   * Adds to {@code losses} the squared error per token of all outputs of some rows of a weight,
   * under each of the candidates for the factors of its columns.
   *
   * @param weight host rows {@code [rows, in]}
   */
  void addErrors(Tensor weight, QuantSpec spec, List<float[]> candidates, double[] losses) {
    Quantizer quantizer =
        pass.quantizer(
            new QuantSpec(
                spec.format(), spec.granularity(), spec.scaleFormat(), spec.scaleRule(), true));
    try (Scope shared = backend.openScope()) {
      Tensor w = backend.toDevice(weight, DType.F32, shared);
      for (int i = 0; i < losses.length; i++) {
        float[] factors = candidates.get(i);
        try (Scope one = backend.openScope()) {
          Tensor scaled = backend.scaleColumns(w, onDevice(factors, one), one);
          float global = 1;
          if (spec.scaleFormat().hasGlobalScale()) {
            global = quantizer.globalScale(largest(backend.summarize(scaled)));
          }
          Tensor rounded = quantizer.fakeQuantize(scaled, Scales.dynamic(global), one);
          Tensor back =
              backend.scaleColumns(
                  rounded, onDevice(ChannelScaling.reciprocals(factors), one), one);
          losses[i] += error(w, back, one) / tokens;
        }
      }
    }
  }

  /**
   * Squared errors of all outputs over all tokens: of rounded values, and of leaving all out.
   *
   * @param weight host rows {@code [rows, in]}
   * @param rounded gives the values for the weight on the device
   */
  double[] errorAndSignal(Tensor weight, BiFunction<Tensor, Scope, Tensor> rounded) {
    try (Scope one = backend.openScope()) {
      Tensor w = backend.toDevice(weight, DType.F32, one);
      return new double[] {error(w, rounded.apply(w, one), one), quadratic(w)};
    }
  }

  private Tensor onDevice(float[] factors, Scope one) {
    Tensor host = Tensor.ofFloats(Arena.ofAuto(), Shape.of(factors.length), factors);
    return backend.toDevice(host, DType.F32, one);
  }

  private static float largest(ChannelSummary summary) {
    float largest = 0;
    for (float amax : summary.amax()) {
      largest = Math.max(largest, amax);
    }
    return largest;
  }

  @Override
  public void close() {
    scope.close();
  }
}
