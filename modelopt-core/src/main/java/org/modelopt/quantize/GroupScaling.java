package org.modelopt.quantize;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.modelopt.compute.Product;
import org.modelopt.compute.Scope;
import org.modelopt.compute.Workers;
import org.modelopt.config.Plan.PlannedLinear;
import org.modelopt.job.Pass;
import org.modelopt.job.Weights;
import org.modelopt.model.Model;
import org.modelopt.numeric.Granularity;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.QuantizedTensor;
import org.modelopt.numeric.Quantizer;
import org.modelopt.numeric.Scales;
import org.modelopt.statistics.RowSample;
import org.modelopt.statistics.SecondMoment;
import org.modelopt.statistics.Seen;
import org.modelopt.statistics.Statistics;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.transform.Change;
import org.modelopt.transform.Changes;
import org.modelopt.transform.Rotation;

/** Finds the factors of the input channels of one group, common to its quantized members. */
final class GroupScaling {
  private final Model model;
  private final Pass pass;
  private final List<PlannedLinear> members;
  private final Seen seen;
  private final int[] ties;
  private final Optional<Rotation> rotation;
  private final Workers workers;
  private final Product product;

  /**
   * @param members the quantized members, at least one
   * @param ties a class for each channel; channels of a class get equal factors
   * @param rotation what happens to scaled channels before they are quantized
   */
  GroupScaling(
      Model model,
      Pass pass,
      List<PlannedLinear> members,
      Seen seen,
      int[] ties,
      Optional<Rotation> rotation) {
    this.rotation = rotation;
    this.model = model;
    this.pass = pass;
    this.members = members;
    this.seen = seen;
    this.ties = ties;
    this.workers = pass.backend().workers();
    this.product = Product.on(pass.backend());
  }

  /** The factors; empty if channels stay as they are. */
  Optional<float[]> factors(Procedure.Scaling scaling) {
    return switch (scaling) {
      case Procedure.Scaling.None() -> Optional.empty();
      case Procedure.Scaling.Smooth(double alpha) ->
          members.stream().allMatch(GroupScaling::eightBits)
              ? Optional.of(
                  ChannelScaling.smooth(largestInputs(), tiedMaxima(largestWeights()), alpha))
              : Optional.empty();
      case Procedure.Scaling.Search(double step, boolean smooth) -> search(step, smooth);
    };
  }

  private static boolean eightBits(PlannedLinear member) {
    return member.weight().orElseThrow().format().bits() == 8
        && member.input().filter(spec -> spec.format().bits() == 8).isPresent();
  }

  private Optional<float[]> search(double step, boolean smooth) {
    boolean blocks =
        members.stream()
            .anyMatch(m -> m.weight().orElseThrow().granularity() instanceof Granularity.Block);
    if (!blocks && !smooth) {
      return Optional.empty(); // AWQ's scales are for blocks
    }
    List<float[]> candidates = candidates(step, smooth);
    double[] losses = new double[candidates.size()];
    SecondMoment moment = seen.secondMoment().orElseThrow();
    addWeightErrors(candidates, moment, losses);
    addInputErrors(candidates, losses);
    int best = 0;
    for (int i = 1; i < losses.length; i++) {
      best = losses[i] < losses[best] ? i : best;
    }
    float[] factors = candidates.get(best);
    return allOnes(factors) ? Optional.empty() : Optional.of(factors);
  }

  private static boolean allOnes(float[] factors) {
    for (float factor : factors) {
      if (factor != 1) {
        return false;
      }
    }
    return true;
  }

  private List<float[]> candidates(double step, boolean smooth) {
    List<float[]> candidates = new ArrayList<>();
    double[] inputs = tiedMeans(means());
    double[] weights = tiedMeans(weightMagnitudes());
    int count = (int) Math.round(1 / step);
    for (int i = 0; i <= count; i++) {
      candidates.add(ChannelScaling.awq(inputs, weights, Math.min(1, i * step)));
    }
    if (smooth) {
      float[] ones = new float[inputs.length];
      Arrays.fill(ones, 1);
      candidates.addFirst(ones);
      float[] largest = largestInputs();
      float[] columns = tiedMaxima(largestWeights());
      for (int i = 0; i <= count; i++) {
        candidates.add(ChannelScaling.smooth(largest, columns, Math.min(1, i * step)));
      }
      double[] alike = new double[inputs.length];
      Arrays.fill(alike, 1);
      for (int i = 1; i <= count; i++) {
        candidates.add(ChannelScaling.awq(inputs, alike, Math.min(1, i * step)));
      }
    }
    return candidates;
  }

  private double[] means() {
    Statistics statistics = seen.statistics();
    double[] means = new double[statistics.channels()];
    Arrays.setAll(means, statistics::meanAbsolute);
    return means;
  }

  private float[] largestInputs() {
    Statistics statistics = seen.statistics();
    float[] largest = new float[statistics.channels()];
    for (int c = 0; c < largest.length; c++) {
      largest[c] = statistics.channelAmax(c);
    }
    return tiedMaxima(largest);
  }

  private double[] tiedMeans(double[] values) {
    double[] sums = new double[values.length];
    int[] counts = new int[values.length];
    for (int c = 0; c < values.length; c++) {
      sums[ties[c]] += values[c];
      counts[ties[c]]++;
    }
    double[] means = new double[values.length];
    Arrays.setAll(means, c -> sums[ties[c]] / counts[ties[c]]);
    return means;
  }

  private float[] tiedMaxima(float[] values) {
    float[] most = new float[values.length];
    for (int c = 0; c < values.length; c++) {
      most[ties[c]] = Math.max(most[ties[c]], values[c]);
    }
    float[] tied = new float[values.length];
    for (int c = 0; c < values.length; c++) {
      tied[c] = most[ties[c]];
    }
    return tied;
  }

  /** What is done to each panel of rows of a member's weight. */
  private interface PanelTask {
    void run(Tensor panel);
  }

  private void forPanels(PlannedLinear member, PanelTask task) {
    try (Arena arena = Arena.ofShared()) {
      Tensor weight = Weights.open(model, member.linear(), pass, arena);
      long rows = RowPanels.rows(member.linear().inFeatures());
      for (long from = 0; from < weight.shape().dim(0); from += rows) {
        task.run(weight.rows(from, Math.min(weight.shape().dim(0), from + rows)));
      }
    }
  }

  private float[] largestWeights() {
    float[] most = new float[ties.length];
    for (PlannedLinear member : members) {
      forPanels(
          member,
          rows -> {
            Matrix panel = Matrix.copyOf(rows, workers);
            for (int row = 0; row < panel.rows(); row++) {
              for (int j = 0; j < most.length; j++) {
                most[j] = Math.max(most[j], Math.abs(panel.get(row, j)));
              }
            }
          });
    }
    return most;
  }

  private double[] weightMagnitudes() {
    double[] sums = new double[ties.length];
    long rows = 0;
    for (PlannedLinear member : members) {
      int block =
          member.weight().orElseThrow().granularity() instanceof Granularity.Block(int size)
              ? size
              : ties.length;
      forPanels(
          member,
          panel ->
              ChannelScaling.addWeightMagnitudes(
                  Matrix.copyOf(panel, workers), block, sums, workers));
      rows += member.linear().outFeatures();
    }
    for (int j = 0; j < sums.length; j++) {
      sums[j] /= rows;
    }
    return sums;
  }

  private void addWeightErrors(List<float[]> candidates, SecondMoment moment, double[] losses) {
    if (!DeviceMoment.suits(pass) || rotation.isPresent()) {
      members.forEach(member -> addWeightErrors(member, candidates, moment, losses));
      return;
    }
    try (DeviceMoment device = new DeviceMoment(moment, pass)) {
      for (PlannedLinear member : members) {
        QuantSpec spec = member.weight().orElseThrow();
        forPanels(member, panel -> device.addErrors(panel, spec, candidates, losses));
      }
    }
  }

  private void addWeightErrors(
      PlannedLinear member, List<float[]> candidates, SecondMoment moment, double[] losses) {
    Quantizer quantizer = pass.quantizer(member.weight().orElseThrow());
    forPanels(
        member,
        panel -> {
          double[] errors =
              ChannelScaling.errors(
                  Matrix.copyOf(panel, workers),
                  candidates,
                  moment,
                  m -> simulated(m, quantizer),
                  product,
                  workers);
          for (int i = 0; i < losses.length; i++) {
            losses[i] += errors[i] / moment.tokens();
          }
        });
  }

  private Matrix simulated(Matrix weight, Quantizer quantizer) {
    try (Arena arena = Arena.ofShared()) {
      Tensor tensor = rotated(weight.toTensor(arena), rotation, arena);
      QuantizedTensor codes = quantizer.quantize(tensor, quantizer.scales(tensor, arena), arena);
      Tensor values = Weights.dequantize(codes, pass, arena);
      return Matrix.copyOf(rotated(values, rotation.map(Rotation::inverted), arena), workers);
    }
  }

  private Tensor rotated(Tensor tensor, Optional<Rotation> by, Arena arena) {
    return by.map(r -> Changes.apply(List.of(new Change.RotateColumns(r)), tensor, workers, arena))
        .orElse(tensor);
  }

  /** The squared error that quantizing sampled inputs makes in the outputs, per token. */
  private void addInputErrors(List<float[]> candidates, double[] losses) {
    Map<QuantSpec, List<PlannedLinear>> alike = new LinkedHashMap<>();
    for (PlannedLinear member : members) {
      member
          .input()
          .ifPresent(spec -> alike.computeIfAbsent(spec, key -> new ArrayList<>()).add(member));
    }
    boolean device = DeviceMoment.suits(pass) && rotation.isEmpty();
    alike.forEach((spec, readers) -> {
      if (device) {
        addInputErrorsOnDevice(spec, readers, candidates, losses);
      } else {
        readers.forEach(member -> addInputErrors(spec, member, candidates, losses));
      }
    });
  }

  private void addInputErrorsOnDevice(
      QuantSpec spec, List<PlannedLinear> readers, List<float[]> candidates, double[] losses) {
    Quantizer quantizer = pass.quantizer(spec);
    try (DeviceRows rows = new DeviceRows(seen.rows().orElseThrow(), pass);
        Arena arena = Arena.ofShared()) {
      for (PlannedLinear member : readers) {
        rows.add(Weights.open(model, member.linear(), pass, arena));
      }
      for (int i = 0; i < losses.length; i++) {
        float[] factors = candidates.get(i);
        losses[i] += rows.error(factors, quantizer, inputScales(quantizer, factors, arena));
      }
    }
  }

  private void addInputErrors(
      QuantSpec spec, PlannedLinear member, List<float[]> candidates, double[] losses) {
    RowSample sample = seen.rows().orElseThrow();
    Matrix rows = new Matrix(sample.count(), sample.channels(), sample.toArray());
    try (Arena arena = Arena.ofShared()) {
      Tensor weight =
          Weights.rounded(
              Weights.open(model, member.linear(), pass, arena), DType.F32, pass, arena);
      for (int i = 0; i < losses.length; i++) {
        float[] noise = noise(rows, candidates.get(i), spec);
        try (Arena one = Arena.ofShared();
            Scope scope = product.openScope()) {
          Tensor errors =
              product.multiply(
                  new Matrix(rows.rows(), rows.columns(), noise).toTensor(one), weight, scope);
          losses[i] += sumOfSquares(errors) / rows.rows();
        }
      }
    }
  }

  /** Scales of inputs that are divided by {@code factors}, from the largest of each channel. */
  private Scales inputScales(Quantizer quantizer, float[] factors, Arena arena) {
    Statistics statistics = seen.statistics();
    float amax = 0;
    for (int c = 0; c < factors.length; c++) {
      amax = Math.max(amax, statistics.channelAmax(c) / factors[c]);
    }
    return quantizer.spec().dynamic()
        ? Scales.dynamic(quantizer.globalScale(amax))
        : quantizer.scalesOfAmax(Tensor.ofFloats(arena, Shape.scalar(), amax), arena);
  }

  /** {@code (Q(x / s) - x / s) s} for the rows x. */
  private float[] noise(Matrix rows, float[] factors, QuantSpec spec) {
    float[] divided = rows.scaleColumns(ChannelScaling.reciprocals(factors), workers).values();
    try (Arena arena = Arena.ofShared();
        Scope scope = pass.backend().openScope()) {
      Tensor x =
          rotated(
              new Matrix(rows.rows(), rows.columns(), divided).toTensor(arena), rotation, arena);
      Quantizer quantizer = pass.quantizer(spec);
      Scales scales = inputScales(quantizer, factors, arena);
      Tensor device = pass.backend().toDevice(x, x.dtype(), scope);
      Tensor simulated =
          pass.backend().toHost(quantizer.fakeQuantize(device, scales, scope), scope);
      float[] noise = rotated(simulated, rotation.map(Rotation::inverted), arena).toFloats();
      for (int i = 0; i < noise.length; i++) {
        noise[i] = (noise[i] - divided[i]) * factors[i % factors.length];
      }
      return noise;
    }
  }

  private static double sumOfSquares(Tensor tensor) {
    double sum = 0;
    for (float value : tensor.toFloats()) {
      sum += (double) value * value;
    }
    return sum;
  }
}
