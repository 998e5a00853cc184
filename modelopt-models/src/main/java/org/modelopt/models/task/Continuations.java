package org.modelopt.models.task;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.modelopt.data.TextEncoder;
import org.modelopt.error.DataException;
import org.modelopt.job.Forward;
import org.modelopt.job.JobOptions;
import org.modelopt.job.Pass;
import org.modelopt.model.Model;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** Likelihoods of continuations of texts; all of them run layer by layer. */
public final class Continuations {
  private Continuations() {}

  /**
   * A text and how it goes on, as tokens.
   *
   * @param ids both together
   * @param context tokens of the text, at least one
   */
  @SuppressWarnings("ArrayRecordComponent") // made here and not changed
  public record Continuation(int[] ids, int context) {}

  /**
   * Tokens of {@code context} and {@code continuation} encoded together, so that a word across the
   * seam is split as in running text. Spaces at the end of the context go to the continuation.
   *
   * @throws DataException if either has no token of its own
   */
  public static Continuation encode(String context, String continuation, TextEncoder encoder) {
    String stripped = context.stripTrailing();
    String rest = context.substring(stripped.length()) + continuation;
    int[] whole = encoder.encode(stripped + rest, true);
    int length = encoder.encode(stripped, true).length;
    if (length == 0 || whole.length <= length) {
      throw new DataException(
          "\"%s\" after \"…%s\" has no token of its own"
              .formatted(continuation, stripped.substring(Math.max(0, stripped.length() - 40))));
    }
    return new Continuation(whole, length);
  }

  /** Sum of log-likelihoods of the tokens of each continuation, in nats. */
  public static List<Double> logLikelihoods(
      Model model, List<Continuation> continuations, Pass pass, JobOptions options) {
    List<Tensor> samples =
        continuations.stream()
            // The last token predicts nothing that is asked for.
            .map(c -> Arrays.copyOf(c.ids(), c.ids().length - 1))
            .map(ids -> Tensor.ofInts(Arena.ofAuto(), Shape.of(ids.length), ids))
            .toList();
    List<Double> sums = new ArrayList<>();
    Forward.run(
        "evaluate",
        model,
        samples,
        pass,
        options,
        (sample, logits) -> {
          Continuation continuation = continuations.get(sample);
          int[] targets = Arrays.copyOfRange(continuation.ids(), 1, continuation.ids().length);
          Arrays.fill(targets, 0, continuation.context() - 1, -1);
          double sum = 0;
          for (double likelihood : pass.backend().logLikelihoods(logits, targets)) {
            sum += likelihood;
          }
          sums.add(sum);
        });
    return sums;
  }
}
