package org.modelopt.models.generation;

import java.util.List;

/**
 * A continued text.
 *
 * @param text what was produced, without the stop
 * @param tokens the tokens produced, that which ended the text not included
 * @param end why it ended
 */
public record Generation(String text, List<TokenScore> tokens, End end) {
  /** Why a text ended. */
  public enum End {
    /** An end token or a stop. */
    STOP,
    /** As many tokens as asked for, or as the sequence may have. */
    LENGTH
  }

  /** Copies the list. */
  public Generation {
    tokens = List.copyOf(tokens);
  }
}
