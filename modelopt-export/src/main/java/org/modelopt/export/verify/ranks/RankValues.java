package org.modelopt.export.verify.ranks;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.modelopt.compute.Workers;
import org.modelopt.export.verify.layout.RowsBefore;
import org.modelopt.export.verify.ranks.RankModel.Module;
import org.modelopt.export.verify.value.Original;
import org.modelopt.export.verify.value.Slopes;
import org.modelopt.export.verify.value.WeightComparison;
import org.modelopt.export.verify.value.WeightScore;
import org.modelopt.safetensors.SafetensorsFile;
import org.modelopt.tensor.Tensor;

/**
 * Compares the weights of one rank with its part of the original's.
 *
 * <p>Factors in norms and in pre-quantization scales are undone. Where v_proj and o_proj, or
 * up_proj and down_proj, differ all the same, factors between them are tried: the slopes of the
 * first one's rows, taken back by the columns of the second.
 */
final class RankValues {
  private final RankModel model;
  private final Original original;
  private final SafetensorsFile file;
  private final Arena arena;
  private final Map<String, Source> sources = new LinkedHashMap<>();

  /**
   * Prepares.
   *
   * @param modules the rank's weights
   * @param arena owner of what is mapped, shared
   */
  RankValues(
      RankModel model, List<Module> modules, Original original, SafetensorsFile file, Arena arena) {
    this.model = model;
    this.original = original;
    this.file = file;
    this.arena = arena;
    for (Module module : modules) {
      long base = 0;
      for (int s = 0; s < module.sources().size(); s++) {
        String name = module.sources().get(s);
        if (original.find(name + ".weight").isPresent()) {
          Rows rows =
              model.rows(module, wanted -> file.find(wanted).map(i -> file.open(i.name(), arena)));
          sources.put(name, new Source(name, module, rows, s, base));
        }
        base += module.rows().get(s);
      }
    }
  }

  /** The part of one weight of the original that this rank has. */
  private record Source(String name, Module module, Rows rows, int index, long base) {
    long count() {
      return module.rows().get(index);
    }

    int columns() {
      return Math.toIntExact(module.columns());
    }
  }

  /**
   * How one part compares.
   *
   * @param source path in the original
   * @param module where it is
   * @param score the comparison
   */
  record Scored(String source, Module module, WeightScore score) {
    boolean isBad() {
      return score.problem().isPresent();
    }
  }

  /** Scores of all parts, in the order of the modules. */
  List<Scored> scores(Workers workers) {
    List<Source> parts = new ArrayList<>(sources.values());
    Scored[] found = new Scored[parts.size()];
    workers.forRange(
        found.length,
        1,
        (from, to) -> {
          for (int i = (int) from; i < to; i++) {
            found[i] = score(parts.get(i), null, null, null, null);
          }
        });
    Map<String, Scored> scores = new LinkedHashMap<>();
    for (Scored score : found) {
      scores.put(score.source(), score);
    }
    for (Source second : parts) {
      model.rowsBefore(second.name()).ifPresent(link -> tryFactors(link, second, scores));
    }
    return new ArrayList<>(scores.values());
  }

  private void tryFactors(RowsBefore link, Source second, Map<String, Scored> scores) {
    Source first = sources.get(link.path());
    if (first == null || !(isBad(scores, first) || isBad(scores, second))) {
      return;
    }
    Slopes rows = new Slopes(first.count());
    score(first, null, null, rows, null);
    Optional<float[]> byRow = rows.factors();
    if (byRow.isEmpty()) {
      return;
    }
    float[] byColumn = new float[second.columns()];
    for (int c = 0; c < byColumn.length; c++) {
      byColumn[c] = byRow.get()[link.row(c)];
    }
    Slopes again = new Slopes(first.count());
    Slopes columns = new Slopes(byColumn.length);
    Scored one = score(first, byRow.get(), null, again, null);
    Scored two = score(second, null, byColumn, null, columns);
    boolean agree = columns.disagreement(again, link, first.columns(), second.count(), 1).isEmpty();
    if (!one.isBad() && !two.isBad() && agree) {
      scores.put(first.name(), one);
      scores.put(second.name(), two);
    }
  }

  private static boolean isBad(Map<String, Scored> scores, Source source) {
    return Objects.requireNonNull(scores.get(source.name())).isBad();
  }

  private Scored score(
      Source source,
      float @Nullable [] byRow,
      float @Nullable [] byColumn,
      @Nullable Slopes rowSlopes,
      @Nullable Slopes columnSlopes) {
    Tensor weight = original.open(source.name() + ".weight", arena);
    Module module = source.module();
    int columns = source.columns();
    long firstRow = module.fromRow().get(source.index());
    WeightComparison.Rows before =
        (from, count, values, steps) -> {
          for (int r = 0; r < count; r++) {
            long at = (firstRow + from + r) * weight.shape().columns() + module.fromColumn();
            for (int c = 0; c < columns; c++) {
              values[r * columns + c] = weight.getFloat(at + c);
            }
          }
        };
    WeightComparison.Rows after =
        (from, count, values, steps) -> {
          for (int r = 0; r < count; r++) {
            double[] row = source.rows().read(source.base() + from + r);
            for (int c = 0; c < columns; c++) {
              values[r * columns + c] = (float) row[c];
            }
            if (steps.length > 0) {
              source.rows().steps(source.base() + from + r, steps, r * columns);
            }
          }
        };
    WeightScore score =
        new WeightComparison(source.count(), columns, source.rows().grid(), source.rows().tile(), 1)
            .withSlopes(rowSlopes, columnSlopes)
            .compare(before, after, columnFactors(source, byColumn), byRow);
    return new Scored(source.name(), module, score);
  }

  /** What the input is multiplied by in the export and was not in the original. */
  private float @Nullable [] columnFactors(Source source, float @Nullable [] between) {
    float[] factors = new float[source.columns()];
    Arrays.fill(factors, 1);
    normFactors(source.module(), factors);
    source.rows().inputFactors().ifPresent(own -> multiply(factors, own));
    if (between != null) {
      multiply(factors, between);
    }
    for (float factor : factors) {
      if (factor != 1) {
        return factors;
      }
    }
    return null;
  }

  private static void multiply(float[] factors, float[] by) {
    for (int c = 0; c < factors.length; c++) {
      factors[c] *= by[c];
    }
  }

  /** What a norm took over of the weight's columns. */
  private void normFactors(Module module, float[] factors) {
    if (module.norm().isEmpty()
        || original.find(module.norm() + ".weight").isEmpty()
        || file.find(module.nowNorm() + ".weight").isEmpty()) {
      return;
    }
    Tensor then = original.open(module.norm() + ".weight", arena);
    Tensor now = file.open(module.nowNorm() + ".weight", arena);
    for (int c = 0; c < factors.length; c++) {
      float old = then.getFloat(c);
      factors[c] = old == 0 ? 1 : now.getFloat(c) / old;
    }
  }
}
