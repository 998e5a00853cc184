package org.modelopt.quantize;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import org.modelopt.compute.Product;
import org.modelopt.compute.Scope;
import org.modelopt.decision.Decisions;
import org.modelopt.decision.Quantization;
import org.modelopt.decision.WeightDecision;
import org.modelopt.job.Pass;
import org.modelopt.job.Weights;
import org.modelopt.model.Linear;
import org.modelopt.model.Model;
import org.modelopt.statistics.RowSample;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.transform.Change;
import org.modelopt.transform.Changes;

/** What quantizing the input of a linear does to its outputs, on rows that were sampled. */
final class InputError {
  private InputError() {}

  /**
   * {@code |(Q(x) - x) Wᵀ|^2 / |x Wᵀ|^2} over the rows x, as they are after channels were scaled
   * and rotated, with W the changed weight before it is quantized.
   *
   * @param sample rows before that
   */
  static double of(Model model, Linear linear, Decisions decisions, RowSample sample, Pass pass) {
    if (decisions.inputQuantization(linear.name()).isEmpty() || sample.count() == 0) {
      return 0;
    }
    Quantization quantization = decisions.inputQuantization(linear.name()).get();
    try (Arena arena = Arena.ofShared();
        Scope scope = pass.backend().openScope()) {
      WeightDecision decision = decisions.weight(linear.name()).orElseThrow();
      Tensor weight =
          Weights.rounded(
              Weights.toQuantize(Weights.open(model, linear, pass, arena), decision, pass, arena),
              DType.F32,
              pass,
              arena);
      Tensor rows =
          Tensor.ofFloats(arena, Shape.of(sample.count(), sample.channels()), sample.toArray());
      Tensor x =
          Changes.apply(otherSide(decision.changes()), rows, pass.backend().workers(), arena);
      Tensor quantized =
          pass.backend()
              .toHost(
                  pass.quantizer(quantization.spec())
                      .fakeQuantize(
                          pass.backend().toDevice(x, DType.F32, scope),
                          quantization.scales(),
                          scope),
                  scope);
      float[] noise = quantized.toFloats();
      for (int i = 0; i < noise.length; i++) {
        noise[i] -= x.getFloat(i);
      }
      Product product = Product.on(pass.backend());
      double signal = sumOfSquares(product.multiply(x, weight, scope));
      double error =
          sumOfSquares(product.multiply(Tensor.ofFloats(arena, x.shape(), noise), weight, scope));
      return signal == 0 ? 0 : error / signal;
    }
  }

  /** What happens to inputs where columns of a weight are changed. */
  private static List<Change> otherSide(List<Change> changes) {
    List<Change> inputs = new ArrayList<>();
    for (Change change : changes) {
      switch (change) {
        case Change.ScaleColumns(Tensor factors) ->
            inputs.add(
                new Change.ScaleColumns(
                    Tensor.ofFloats(
                        Arena.ofAuto(),
                        factors.shape(),
                        ChannelScaling.reciprocals(factors.toFloats()))));
        case Change.RotateColumns rotate -> inputs.add(rotate);
        case Change.ScaleRows _, Change.RotateRows _, Change.ScaleNorm _ -> {}
      }
    }
    return inputs;
  }

  private static double sumOfSquares(Tensor tensor) {
    double sum = 0;
    for (float value : tensor.toFloats()) {
      sum += (double) value * value;
    }
    return sum;
  }
}
