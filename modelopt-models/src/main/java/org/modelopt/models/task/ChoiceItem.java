package org.modelopt.models.task;

import java.util.List;

/**
 * A question with answers to choose from.
 *
 * @param context what stands before the answers
 * @param choices the answers as they continue the context, with the space between
 * @param answer index of the right one
 */
public record ChoiceItem(String context, List<String> choices, int answer) {
  /** Copies the list and checks the answer. */
  public ChoiceItem {
    choices = List.copyOf(choices);
    if (answer < 0 || answer >= choices.size()) {
      throw new IllegalArgumentException(
          "answer %d is not among %d choices".formatted(answer, choices.size()));
    }
  }
}
