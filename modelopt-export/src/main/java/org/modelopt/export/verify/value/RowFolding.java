package org.modelopt.export.verify.value;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.modelopt.compute.Workers;
import org.modelopt.export.verify.consumer.ExportView;
import org.modelopt.export.verify.layout.LinearModule;
import org.modelopt.export.verify.layout.RowsBefore;
import org.modelopt.export.verify.value.WeightScore.Problem;
import org.modelopt.tensor.TensorInfo;

/**
 * Accounts for factors between two layers: rows of one (v_proj, up_proj) that were multiplied, and
 * columns of the next (o_proj, down_proj) that were divided.
 *
 * <p>Where either differs from the original, the factors are taken to be the slopes of the first
 * one's rows, both are compared under them, and what the second one's columns show must agree. The
 * factors are believed if less is wrong then; a defect is never explained by them, because one
 * layer alone cannot show them.
 */
final class RowFolding {
  private final ExportView export;
  private final TensorComparison comparison;
  private final Map<String, Outcome> outcomes;

  /**
   * Prepares.
   *
   * @param outcomes of all tensors, compared without such factors; those are replaced that agree
   *     better with them
   */
  RowFolding(ExportView export, TensorComparison comparison, Map<String, Outcome> outcomes) {
    this.export = export;
    this.comparison = comparison;
    this.outcomes = outcomes;
  }

  /** Two layers, and the tensors that the factors between them change. */
  private record Pair(
      LinearModule first,
      LinearModule second,
      RowsBefore link,
      TensorInfo rows,
      Optional<TensorInfo> bias,
      TensorInfo columns) {
    List<TensorInfo> tensors() {
      List<TensorInfo> all = new ArrayList<>(List.of(rows, columns));
      bias.ifPresent(all::add);
      return all;
    }
  }

  /** Looks at all pairs of layers; the result does not depend on the number of threads. */
  void run(Workers workers) {
    List<Pair> pairs =
        pairs().stream()
            .filter(pair -> pair.tensors().stream().anyMatch(info -> outcome(info).isBad()))
            .toList();
    List<List<Outcome>> found = new ArrayList<>();
    pairs.forEach(pair -> found.add(List.of()));
    workers.forRange(
        pairs.size(),
        1,
        (from, to) -> {
          for (int i = (int) from; i < to; i++) {
            found.set(i, compare(pairs.get(i)));
          }
        });
    for (int i = 0; i < pairs.size(); i++) {
      List<TensorInfo> tensors = pairs.get(i).tensors();
      List<Outcome> folded = found.get(i);
      long before = tensors.stream().filter(info -> outcome(info).isBad()).count();
      if (folded.stream().filter(Outcome::isBad).count() < before) {
        for (int t = 0; t < folded.size(); t++) {
          outcomes.put(tensors.get(t).name(), folded.get(t));
        }
      }
    }
  }

  private Outcome outcome(TensorInfo info) {
    return outcomes.getOrDefault(info.name(), Outcome.SKIPPED);
  }

  private List<Pair> pairs() {
    List<Pair> pairs = new ArrayList<>();
    export
        .layout()
        .rowsBefore()
        .forEach((path, link) -> {
          Optional<LinearModule> second = export.layout().linear(path);
          Optional<LinearModule> first = export.layout().linear(link.path());
          Optional<TensorInfo> rows = first.map(LinearModule::weight).flatMap(comparison::find);
          Optional<TensorInfo> columns = second.map(LinearModule::weight).flatMap(comparison::find);
          if (rows.isPresent()
              && columns.isPresent()
              && isLinked(first.get(), second.get(), link)) {
            pairs.add(
                new Pair(
                    first.get(),
                    second.get(),
                    link,
                    rows.get(),
                    comparison.find(link.path() + ".bias"),
                    columns.get()));
          }
        });
    return pairs;
  }

  private static boolean isLinked(LinearModule first, LinearModule second, RowsBefore link) {
    return second.inFeatures() > 0
        && first.outFeatures() * link.repeats() == second.inFeatures()
        && first.outFeatures() % link.run() == 0;
  }

  /** Outcomes of the tensors of {@code pair} under the factors that its rows show. */
  private List<Outcome> compare(Pair pair) {
    Slopes rows = new Slopes(pair.first().outFeatures());
    comparison.compare(pair.rows(), new ChannelFactors(null, null, rows, null));
    Optional<float[]> factors = rows.factors();
    if (factors.isEmpty()) {
      return pair.tensors().stream().map(this::outcome).toList();
    }
    float[] byRow = factors.get();
    float[] byColumn = new float[Math.toIntExact(pair.second().inFeatures())];
    for (int c = 0; c < byColumn.length; c++) {
      byColumn[c] = byRow[pair.link().row(c)];
    }
    Slopes again = new Slopes(byRow.length);
    Slopes columns = new Slopes(byColumn.length);
    List<Outcome> found = new ArrayList<>();
    ChannelFactors onRows = new ChannelFactors(byRow, null, again, null);
    found.add(comparison.compare(pair.rows(), onRows));
    Outcome second =
        comparison.compare(pair.columns(), new ChannelFactors(null, byColumn, null, columns));
    found.add(
        columns
            .disagreement(
                again,
                pair.link(),
                pair.first().inFeatures(),
                pair.second().outFeatures(),
                comparison.slack())
            .map(problem -> with(second, problem))
            .orElse(second));
    pair.bias().ifPresent(bias -> found.add(comparison.compare(bias, onRows)));
    return found;
  }

  private static Outcome with(Outcome outcome, Problem problem) {
    return outcome.isBad()
        ? outcome
        : outcome.score().map(score -> Outcome.of(score.withProblem(problem))).orElse(outcome);
  }
}
