package org.modelopt.export.verify.value;

import java.lang.foreign.Arena;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.modelopt.export.verify.checkpoint.ExportTensor;
import org.modelopt.export.verify.consumer.ExportView;
import org.modelopt.export.verify.layout.LinearModule;
import org.modelopt.export.verify.scheme.RowDecoder;
import org.modelopt.export.verify.scheme.Scheme;
import org.modelopt.export.verify.scheme.Tile;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;

/** Compares one tensor of an export with the original's, under given factors of its channels. */
final class TensorComparison {
  /** Error of a bias whose elements were scaled: rounding to BF16, once more. */
  private static final double BIAS_BOUND = 0.012;

  /** Scatter of a slope is at most this over the root of the row's length: twice that of 4 bits. */
  private static final double SLOPE_SCATTER = 0.3;

  private final ExportView export;
  private final Original original;
  private final Factors factors;
  private final double slack;

  TensorComparison(ExportView export, Original original, double slack) {
    this.export = export;
    this.original = original;
    this.factors = new Factors(export, original);
    this.slack = slack;
  }

  /** The linear layer whose weight is called {@code weight} in the original. */
  Optional<LinearModule> module(String weight) {
    return weight.endsWith(".weight")
        ? export.layout().linear(weight.substring(0, weight.length() - ".weight".length()))
        : Optional.empty();
  }

  Outcome compare(TensorInfo info, ChannelFactors between) {
    Optional<LinearModule> module = module(info.name());
    Scheme scheme = module.map(export.quantized()::get).orElse(null);
    if (module.isPresent() && scheme != null) {
      return isReadable(module.get(), scheme, info)
          ? Outcome.of(score(module.get(), scheme, between))
          : Outcome.SKIPPED;
    }
    Optional<ExportTensor> stored = export.directory().find(info.name());
    if (stored.isEmpty()
        || !stored.get().dtype().isWideFloat()
        || !stored.get().shape().equals(info.shape())) {
      return Outcome.SKIPPED;
    }
    if (module.isPresent()) {
      float[] columns = columns(module.get(), between);
      if (columns != null || between.rows() != null || between.rowSlopes() != null) {
        return Outcome.of(score(module.get(), stored.get(), columns, between));
      }
    } else if (factors.isFolded(info.name())) {
      return Outcome.SKIPPED;
    }
    try (Arena arena = Arena.ofConfined()) {
      Tensor before = original.open(info.name(), arena);
      Tensor after = stored.get().open(arena);
      return Outcome.ofDifference(
          between.rows() == null
              ? PlainComparison.difference(before, after)
              : scaledDifference(before, between.rows(), after, biasBound(info.name())));
    }
  }

  /**
   * Allowed error of a bias under the slopes of its weight's rows, which are known roughly only.
   */
  private double biasBound(String bias) {
    long width =
        export
            .layout()
            .linear(bias.substring(0, bias.length() - ".bias".length()))
            .map(LinearModule::inFeatures)
            .orElse(Long.MAX_VALUE);
    return slack * (BIAS_BOUND + SLOPE_SCATTER / Math.sqrt((double) width));
  }

  private static Optional<String> scaledDifference(
      Tensor before, float[] by, Tensor after, double bound) {
    float[] expected = FloatRows.all(before);
    float[] found = FloatRows.all(after);
    double error = 0;
    double size = 0;
    for (int i = 0; i < expected.length; i++) {
      double difference = found[i] / by[i] - expected[i];
      error += difference * difference;
      size += (double) expected[i] * expected[i];
    }
    double relative = size > 0 ? Math.sqrt(error / size) : Math.sqrt(error);
    return relative <= bound
        ? Optional.empty()
        : Optional.of(
            String.format(
                Locale.ROOT, "relative error %.3g under the factors of its weight", relative));
  }

  private float @Nullable [] columns(LinearModule module, ChannelFactors between) {
    float[] own = factors.ofColumns(module).orElse(null);
    if (own == null || between.columns() == null) {
      return own == null ? between.columns() : own;
    }
    for (int i = 0; i < own.length; i++) {
      own[i] *= between.columns()[i];
    }
    return own;
  }

  /** Whether the tensors have the types and shapes of the scheme; if not, that was reported. */
  private boolean isReadable(LinearModule module, Scheme scheme, TensorInfo info) {
    long n = module.outFeatures();
    long k = module.inFeatures();
    return info.shape().rank() == 2
        && info.shape().dim(0) == n
        && info.shape().dim(1) == k
        && scheme.isReadable(
            n,
            k,
            suffix ->
                export.directory().find(module.path() + "." + suffix).map(ExportTensor::info));
  }

  private WeightScore score(LinearModule module, Scheme scheme, ChannelFactors between) {
    long n = module.outFeatures();
    long k = module.inFeatures();
    try (Arena arena = Arena.ofConfined()) {
      Tensor before = original.open(module.weight(), arena);
      RowDecoder decoder =
          scheme
              .decoding()
              .open(
                  suffix ->
                      export.directory().find(module.path() + "." + suffix).map(t -> t.open(arena)),
                  n,
                  k);
      return new WeightComparison(n, k, scheme.grid(), scheme.tile(), slack)
          .withSlopes(between.rowSlopes(), between.columnSlopes())
          .compare(FloatRows.of(before), decoder::decode, columns(module, between), between.rows());
    }
  }

  private WeightScore score(
      LinearModule module,
      ExportTensor stored,
      float @Nullable [] columns,
      ChannelFactors between) {
    try (Arena arena = Arena.ofConfined()) {
      Tensor before = original.open(module.weight(), arena);
      return new WeightComparison(
              module.outFeatures(), module.inFeatures(), null, Tile.TENSOR, slack)
          .withSlopes(between.rowSlopes(), between.columnSlopes())
          .compare(FloatRows.of(before), FloatRows.of(stored.open(arena)), columns, between.rows());
    }
  }

  /** The tensor of the original called {@code name}, if there is one. */
  Optional<TensorInfo> find(String name) {
    return original.find(name);
  }

  /** Multiplies all bounds. */
  double slack() {
    return slack;
  }
}
