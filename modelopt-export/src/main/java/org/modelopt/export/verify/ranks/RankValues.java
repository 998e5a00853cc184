package org.modelopt.export.verify.ranks;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.modelopt.compute.Workers;
import org.modelopt.export.verify.layout.RowsBefore;
import org.modelopt.export.verify.ranks.RankModel.Module;
import org.modelopt.export.verify.value.Original;
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
  /** How many times the bound of the whole one row or column may be off. */
  private static final double LOCAL = 3;

  /** Columns among which a weak one is measured by what is usual. */
  private static final int NEIGHBOURS = 128;

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
  }

  /**
   * How one part compares.
   *
   * @param source path in the original
   * @param module where it is
   * @param relative relative error
   * @param worst largest difference
   * @param bound largest relative error that the format explains
   * @param local a row or column that is far off while the whole is not, for people; empty if none
   */
  record Score(
      String source, Module module, double relative, double worst, double bound, String local) {
    boolean isBad() {
      return !(relative <= bound) || !local.isEmpty();
    }
  }

  /** Scores of all parts, in the order of the modules. */
  List<Score> scores(Workers workers) {
    List<Source> parts = new ArrayList<>(sources.values());
    Score[] found = new Score[parts.size()];
    workers.forRange(
        found.length,
        1,
        (from, to) -> {
          for (int i = (int) from; i < to; i++) {
            found[i] = score(parts.get(i), null, null);
          }
        });
    Map<String, Score> scores = new LinkedHashMap<>();
    for (Score score : found) {
      scores.put(score.source(), score);
    }
    for (Source second : parts) {
      model.rowsBefore(second.name()).ifPresent(link -> tryFactors(link, second, scores));
    }
    return new ArrayList<>(scores.values());
  }

  private void tryFactors(RowsBefore link, Source second, Map<String, Score> scores) {
    Source first = sources.get(link.path());
    if (first == null || !(isSuspect(scores, first) || isSuspect(scores, second))) {
      return;
    }
    double[] byRow = slopes(first);
    double[] byColumn = new double[Math.toIntExact(second.module().columns())];
    Arrays.setAll(byColumn, c -> byRow[link.row(c)]);
    Score one = score(first, byRow, null);
    Score two = score(second, null, byColumn);
    if (!one.isBad() && !two.isBad()) {
      scores.put(first.name(), one);
      scores.put(second.name(), two);
    }
  }

  /** Small factors alone do not exceed the bound. */
  private static boolean isSuspect(Map<String, Score> scores, Source source) {
    Score score = Objects.requireNonNull(scores.get(source.name()));
    return score.isBad() || score.relative() > score.bound() / 2;
  }

  /** Reads a row of the original and of the rank. */
  @FunctionalInterface
  private interface RowPair {
    void take(int row, double[] stored, Tensor original, long at);
  }

  /** Goes through rows; stored values are those of the original's channels but for row factors. */
  private void forRows(Source source, double @Nullable [] columns, RowPair pair) {
    Tensor weight = original.open(source.name() + ".weight", arena);
    double[] norm = normFactors(source.module());
    Module module = source.module();
    for (long r = 0; r < source.count(); r++) {
      double[] values = source.rows().read(source.base() + r);
      for (int c = 0; c < values.length; c++) {
        values[c] *= columns == null ? norm[c] : norm[c] * columns[c];
      }
      long at =
          (module.fromRow().get(source.index()) + r) * weight.shape().columns()
              + module.fromColumn();
      pair.take(Math.toIntExact(r), values, weight, at);
    }
  }

  private Score score(Source source, double @Nullable [] byRow, double @Nullable [] byColumn) {
    int columns = Math.toIntExact(source.module().columns());
    double[] columnErrors = new double[columns];
    double[] columnSizes = new double[columns];
    double[] rowErrors = new double[Math.toIntExact(source.count())];
    double[] rowSizes = new double[rowErrors.length];
    double[] worst = new double[1];
    forRows(
        source,
        byColumn,
        (row, stored, weight, at) -> {
          for (int c = 0; c < stored.length; c++) {
            double expected = weight.getFloat(at + c);
            double delta = (byRow == null ? stored[c] : stored[c] / byRow[row]) - expected;
            rowErrors[row] += delta * delta;
            rowSizes[row] += expected * expected;
            columnErrors[c] += delta * delta;
            columnSizes[c] += expected * expected;
            worst[0] = Math.max(worst[0], Math.abs(delta));
          }
        });
    double error = Arrays.stream(rowErrors).sum();
    double size = Arrays.stream(rowSizes).sum();
    double bound = source.rows().bound();
    String local = local("row", rowErrors, rowSizes, 1, bound);
    if (local.isEmpty()) {
      local = local("column", columnErrors, columnSizes, NEIGHBOURS, bound);
    }
    double relative = size == 0 ? Math.sqrt(error) : Math.sqrt(error / size);
    return new Score(source.name(), source.module(), relative, worst[0], bound, local);
  }

  /** Names the first that is far off, measured by itself or by its neighbours. */
  private static String local(
      String what, double[] errors, double[] sizes, int neighbours, double bound) {
    for (int from = 0; from < errors.length; from += neighbours) {
      int to = Math.min(from + neighbours, errors.length);
      double usual = Arrays.stream(sizes, from, to).sum() / (to - from);
      for (int i = from; i < to; i++) {
        double allowed = LOCAL * bound * Math.sqrt(Math.max(sizes[i], usual));
        if (!(Math.sqrt(errors[i]) <= allowed + 1e-30)) {
          return what + " " + i;
        }
      }
    }
    return "";
  }

  private double[] slopes(Source source) {
    double[] slopes = new double[Math.toIntExact(source.count())];
    forRows(
        source,
        null,
        (row, stored, weight, at) -> {
          double product = 0;
          double size = 0;
          for (int c = 0; c < stored.length; c++) {
            double expected = weight.getFloat(at + c);
            product += stored[c] * expected;
            size += expected * expected;
          }
          slopes[row] = size > 0 && product > 0 ? product / size : 1;
        });
    return slopes;
  }

  /** What a norm took over of the weight's columns. */
  private double[] normFactors(Module module) {
    double[] factors = new double[Math.toIntExact(module.columns())];
    Arrays.fill(factors, 1);
    if (module.norm().isEmpty()
        || original.find(module.norm() + ".weight").isEmpty()
        || file.find(module.nowNorm() + ".weight").isEmpty()) {
      return factors;
    }
    Tensor then = original.open(module.norm() + ".weight", arena);
    Tensor now = file.open(module.nowNorm() + ".weight", arena);
    for (int c = 0; c < factors.length; c++) {
      float old = then.getFloat(c);
      factors[c] = old == 0 ? 1 : now.getFloat(c) / (double) old;
    }
    return factors;
  }
}
