package org.modelopt.models.task;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.modelopt.data.TextEncoder;
import org.modelopt.error.DataException;
import org.modelopt.job.JobOptions;
import org.modelopt.job.Pass;
import org.modelopt.model.Model;

/** Questions answered by the likeliest of given answers. */
public final class MultipleChoice {
  private MultipleChoice() {}

  /**
   * Asks all questions at once, layer by layer.
   *
   * @param task name for the score
   * @throws DataException if there is no question
   */
  public static TaskScore measure(
      String task, List<ChoiceItem> items, Model model, Pass pass, JobOptions options) {
    if (items.isEmpty()) {
      throw new DataException(task + " has no question");
    }
    TextEncoder encoder =
        model
            .textEncoder()
            .orElseThrow(() -> new DataException(model.name() + " has no tokenizer"));
    List<Continuations.Continuation> all = new ArrayList<>();
    for (ChoiceItem item : items) {
      item.choices()
          .forEach(choice -> all.add(Continuations.encode(item.context(), choice, encoder)));
    }
    List<Double> likelihoods = Continuations.logLikelihoods(model, all, pass, options);
    long correct = 0;
    long correctByLength = 0;
    int at = 0;
    for (ChoiceItem item : items) {
      int best = 0;
      int bestByLength = 0;
      for (int i = 1; i < item.choices().size(); i++) {
        best = likelihoods.get(at + i) > likelihoods.get(at + best) ? i : best;
        bestByLength =
            byLength(likelihoods.get(at + i), item.choices().get(i))
                    > byLength(likelihoods.get(at + bestByLength), item.choices().get(bestByLength))
                ? i
                : bestByLength;
      }
      correct += best == item.answer() ? 1 : 0;
      correctByLength += bestByLength == item.answer() ? 1 : 0;
      at += item.choices().size();
    }
    return new TaskScore(task, correct, correctByLength, items.size());
  }

  private static double byLength(double likelihood, String choice) {
    return likelihood / Math.max(1, choice.strip().getBytes(StandardCharsets.UTF_8).length);
  }
}
