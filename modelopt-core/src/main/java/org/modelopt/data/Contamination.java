package org.modelopt.data;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.modelopt.error.DataException;
import org.modelopt.tensor.Tensor;

/**
 * How much of evaluation data is also in calibration data: a model looks better than it is on text
 * that its scales were fitted to.
 *
 * <p>Compared are runs of {@value #LENGTH} tokens, the length that is usual since Brown et al.,
 * "Language Models are Few-Shot Learners", 2020, appendix C.
 *
 * @param shared runs of evaluation data that calibration data holds, too
 * @param runs all runs of evaluation data
 */
public record Contamination(long shared, long runs) {
  /** Tokens of a run. */
  public static final int LENGTH = 13;

  /** Share from which data counts as contaminated: quotations and boilerplate stay below. */
  public static final double LIMIT = 0.01;

  /** Compares I32 token ids. */
  public static Contamination of(List<Tensor> calibration, List<Tensor> evaluation) {
    Set<List<Integer>> known = new HashSet<>();
    calibration.forEach(sample -> known.addAll(runs(sample.toInts())));
    long shared = 0;
    long all = 0;
    for (Tensor sample : evaluation) {
      for (List<Integer> run : runs(sample.toInts())) {
        all++;
        shared += known.contains(run) ? 1 : 0;
      }
    }
    return new Contamination(shared, all);
  }

  private static List<List<Integer>> runs(int[] ids) {
    List<List<Integer>> runs = new ArrayList<>();
    for (int from = 0; from + LENGTH <= ids.length; from++) {
      List<Integer> run = new ArrayList<>(LENGTH);
      for (int i = from; i < from + LENGTH; i++) {
        run.add(ids[i]);
      }
      runs.add(List.copyOf(run));
    }
    return runs;
  }

  /** Share of evaluation data that calibration data holds, too. */
  public double share() {
    return runs == 0 ? 0 : (double) shared / runs;
  }

  /**
   * Refuses contaminated data.
   *
   * @throws DataException if more than {@link #LIMIT} is shared; the message says how much
   */
  public void require() {
    if (share() > LIMIT) {
      throw new DataException(
          "%.1f%% of the evaluation data (%d of %d runs of %d tokens) is also in the calibration data, so figures would look better than they are; use other text for one of them, or allow it"
              .formatted(100 * share(), shared, runs, LENGTH));
    }
  }
}
