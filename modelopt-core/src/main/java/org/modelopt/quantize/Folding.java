package org.modelopt.quantize;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import java.util.function.Predicate;
import org.modelopt.job.Pass;
import org.modelopt.job.Weights;
import org.modelopt.model.InputGroup;
import org.modelopt.model.Layer;
import org.modelopt.model.Linear;
import org.modelopt.model.Model;
import org.modelopt.model.Producer;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.transform.Change;
import org.modelopt.transform.Changes;

/**
 * Puts factors of input channels where they belong: into the norm or the rows of the linear that
 * makes the input, if no one else reads it, or beside the linear as a pre-quant scale.
 *
 * <p>What is stored is rounded to the model's type; columns of weights are multiplied by the exact
 * inverse of what was stored, so that rounding costs nothing.
 */
final class Folding {
  private final Model model;
  private final Layer layer;
  private final Pass pass;
  private final Predicate<Linear> quantized;
  private final Map<String, List<Change>> linears = new HashMap<>();
  private final Map<String, float[]> rows = new HashMap<>();
  private final Map<String, Tensor> preScales = new HashMap<>();
  private final Map<String, float[]> columns = new HashMap<>();
  private final SequencedMap<String, List<Change>> parameters = new LinkedHashMap<>();

  /**
   * Nothing folded yet.
   *
   * @param quantized which linears become codes
   */
  Folding(Model model, Layer layer, Pass pass, Predicate<Linear> quantized) {
    this.model = model;
    this.layer = layer;
    this.pass = pass;
    this.quantized = quantized;
  }

  /** How many consecutive channels must have equal factors, so that they can be folded. */
  static int[] ties(InputGroup group) {
    int[] classes = new int[Math.toIntExact(group.inFeatures())];
    for (int c = 0; c < classes.length; c++) {
      classes[c] = group.producer().orElse(null) instanceof Producer.Rows rows ? rows.row(c) : c;
    }
    return classes;
  }

  /**
   * Moves factors: inputs of {@code group} are divided by {@code factors}, columns multiplied.
   *
   * @param factors s, positive; equal where {@link #ties} are
   */
  void fold(InputGroup group, float[] factors) {
    float[] by = factors;
    Optional<Producer> producer = group.producer().filter(p -> isAlone(group, p));
    if (producer.orElse(null) instanceof Producer.Norm norm) {
      by = intoNorm(norm, factors);
    } else if (producer.orElse(null) instanceof Producer.Rows into
        && linear(into.linear()).isPresent()) {
      by = intoRows(into, factors);
    } else {
      by = besideLinears(group, factors);
    }
    columns.put(group.name(), by);
    Tensor onColumns = tensor(by);
    for (Linear linear : group.linears()) {
      linears
          .computeIfAbsent(linear.name(), key -> new ArrayList<>())
          .add(new Change.ScaleColumns(onColumns));
    }
  }

  /**
   * Whether factors of the inputs of {@code group} have a place: what makes the input, or beside
   * the codes of a linear that stands alone. Engines join linears that read the same input, and
   * read no factors beside them.
   */
  boolean hasPlace(InputGroup group) {
    return group.linears().size() == 1
        || group
            .producer()
            .filter(producer -> isAlone(group, producer))
            .filter(producer ->
                !(producer instanceof Producer.Rows rows) || linear(rows.linear()).isPresent())
            .isPresent();
  }

  /** Whether no other group reads what {@code producer} makes. */
  private boolean isAlone(InputGroup group, Producer producer) {
    return layer.inputGroups().stream()
        .filter(other -> !other.name().equals(group.name()))
        .noneMatch(other -> other.producer().filter(p -> sameMaker(p, producer)).isPresent());
  }

  private static boolean sameMaker(Producer a, Producer b) {
    return switch (a) {
      case Producer.Norm norm ->
          b instanceof Producer.Norm other && other.parameter().equals(norm.parameter());
      case Producer.Rows rows ->
          b instanceof Producer.Rows other && other.linear().equals(rows.linear());
    };
  }

  private Optional<Linear> linear(String name) {
    return layer.inputGroups().stream()
        .flatMap(group -> group.linears().stream())
        .filter(linear -> linear.name().equals(name))
        .findFirst();
  }

  private float[] intoNorm(Producer.Norm norm, float[] factors) {
    try (Arena arena = Arena.ofShared()) {
      Tensor stored = model.tensors().open(norm.parameter(), arena);
      Change change =
          new Change.ScaleNorm(norm.offset(), tensor(ChannelScaling.reciprocals(factors)));
      Tensor changed =
          Weights.rounded(
              Changes.apply(List.of(change), stored, pass.backend().workers(), arena),
              stored.dtype(),
              pass,
              arena);
      float[] by = new float[factors.length];
      for (int j = 0; j < by.length; j++) {
        float before = stored.getFloat(j) + norm.offset();
        float after = changed.getFloat(j) + norm.offset();
        by[j] = before == 0 || after == 0 ? 1 : before / after;
      }
      parameters.put(norm.parameter(), List.of(change));
      return by;
    }
  }

  private float[] intoRows(Producer.Rows into, float[] factors) {
    Linear producer = linear(into.linear()).orElseThrow();
    boolean exact = quantized.test(producer);
    float[] onRows = new float[Math.toIntExact(producer.outFeatures())];
    Arrays.fill(onRows, 1);
    float[] by = new float[factors.length];
    for (int c = 0; c < by.length; c++) {
      // A weight that keeps its type is scaled by powers of two, which rounds nothing.
      float s = exact ? factors[c] : Math.scalb(1f, Math.getExponent(factors[c]));
      onRows[into.row(c)] = 1 / s;
      by[c] = 1 / onRows[into.row(c)];
    }
    rows.put(producer.name(), onRows);
    linears
        .computeIfAbsent(producer.name(), key -> new ArrayList<>())
        .add(new Change.ScaleRows(tensor(onRows)));
    return by;
  }

  private float[] besideLinears(InputGroup group, float[] factors) {
    DType dtype = model.storedPrecision().dtype();
    Tensor scale =
        Weights.rounded(tensor(ChannelScaling.reciprocals(factors)), dtype, pass, Arena.ofAuto());
    float[] by = new float[factors.length];
    for (int j = 0; j < by.length; j++) {
      by[j] = 1 / scale.getFloat(j);
    }
    preScales.put(group.name(), scale);
    return by;
  }

  private static Tensor tensor(float[] values) {
    return Tensor.ofFloats(Arena.ofAuto(), Shape.of(values.length), values);
  }

  /** Changes of the weight of {@code linear}. */
  List<Change> changes(Linear linear) {
    return linears.getOrDefault(linear.name(), List.of());
  }

  /** Linears that change, in no order. */
  Set<String> changed() {
    return linears.keySet();
  }

  /** What inputs of {@code group} are divided by in all, if by anything. */
  Optional<float[]> divisors(InputGroup group) {
    return Optional.ofNullable(columns.get(group.name()));
  }

  /** What the outputs of the linear called {@code name} are multiplied by, if by anything. */
  Optional<float[]> outputFactors(String name) {
    return Optional.ofNullable(rows.get(name));
  }

  /** What stays beside the linears of {@code group}, if anything. */
  Optional<Tensor> preScale(InputGroup group) {
    return Optional.ofNullable(preScales.get(group.name()));
  }

  /** Changes of other parameters. */
  SequencedMap<String, List<Change>> parameters() {
    return parameters;
  }
}
