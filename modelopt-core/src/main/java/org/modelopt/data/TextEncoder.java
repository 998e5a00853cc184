package org.modelopt.data;

import java.util.List;

/** Turns text into the token ids a language model reads. Safe for use by several threads. */
public interface TextEncoder {
  /**
   * Token ids of {@code text}.
   *
   * @param specialTokens whether the tokens that the tokenizer puts around a text (such as begin of
   *     text) are added
   */
  int[] encode(String text, boolean specialTokens);

  /**
   * Token ids of a conversation, rendered by the model's chat template.
   *
   * @throws org.modelopt.error.DataException if the model has no chat template or it fails
   */
  int[] encodeChat(List<ChatMessage> messages);
}
