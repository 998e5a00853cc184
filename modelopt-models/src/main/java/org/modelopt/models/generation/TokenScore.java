package org.modelopt.models.generation;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;

/**
 * A token and its probability.
 *
 * @param id the token
 * @param logProbability natural logarithm of its probability
 * @param likeliest the likeliest tokens at its place in descending order, as many as asked for
 */
public record TokenScore(int id, double logProbability, List<Candidate> likeliest) {
  /**
   * A token that could have stood there.
   *
   * @param id the token
   * @param logProbability natural logarithm of its probability
   */
  public record Candidate(int id, double logProbability) {}

  /** Copies the list. */
  public TokenScore {
    likeliest = List.copyOf(likeliest);
  }

  /**
   * The score of {@code id} from logits.
   *
   * @param logits holds the vocabulary's from {@code from} on
   * @param top how many of the likeliest to list
   */
  public static TokenScore of(float[] logits, int from, int vocabulary, int id, int top) {
    double max = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < vocabulary; i++) {
      max = Math.max(max, logits[from + i]);
    }
    double sum = 0;
    for (int i = 0; i < vocabulary; i++) {
      sum += Math.exp(logits[from + i] - max);
    }
    double shift = max + Math.log(sum);
    // Of equal ones the lower number is likelier.
    Comparator<Integer> worstFirst =
        Comparator.<Integer>comparingDouble(i -> logits[from + i])
            .thenComparing(Comparator.reverseOrder());
    PriorityQueue<Integer> best = new PriorityQueue<>(top + 1, worstFirst);
    for (int i = 0; top > 0 && i < vocabulary; i++) {
      best.add(i);
      if (best.size() > top) {
        best.poll();
      }
    }
    List<Candidate> likeliest = new ArrayList<>();
    while (!best.isEmpty()) {
      int token = best.poll();
      likeliest.addFirst(new Candidate(token, logits[from + token] - shift));
    }
    return new TokenScore(id, logits[from + id] - shift, likeliest);
  }
}
