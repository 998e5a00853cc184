package org.modelopt.models.task;

/**
 * Accuracy in a task.
 *
 * @param task its name
 * @param correct items answered right
 * @param correctByLength items answered right when likelihoods are divided by the bytes of the
 *     answers; as many as {@code correct} for tasks that generate
 * @param items items asked
 */
public record TaskScore(String task, long correct, long correctByLength, long items) {
  /** Share of right answers. */
  public double accuracy() {
    return (double) correct / items;
  }

  /** Share of right answers when likelihoods are divided by the bytes of the answers. */
  public double accuracyByLength() {
    return (double) correctByLength / items;
  }
}
