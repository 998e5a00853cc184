package org.modelopt.models.text;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.modelopt.data.ChatMessage;
import org.modelopt.data.TextEncoder;

/**
 * The tokenizer and chat template of a checkpoint directory, each read when first used.
 *
 * <p>{@code tokenizer.json} is read by the HuggingFace tokenizers library, offline, and never cuts
 * or pads. Chat templates are Jinja, see {@link ChatTemplate}.
 */
public final class HfTextEncoder implements TextEncoder {
  private final Path directory;
  private @Nullable Tokenizer tokenizer;
  private @Nullable ChatTemplate chatTemplate;

  /** The tokenizer of {@code directory}; reads nothing yet. */
  public HfTextEncoder(Path directory) {
    this.directory = directory;
  }

  /**
   * Token ids of {@code text}.
   *
   * @throws org.modelopt.error.CheckpointException if {@code tokenizer.json} is missing or broken
   * @throws org.modelopt.error.DeviceException if the native tokenizer library does not load
   */
  @Override
  public int[] encode(String text, boolean specialTokens) {
    return tokenizer().encode(text, specialTokens);
  }

  @Override
  public int[] encodeChat(List<ChatMessage> messages) {
    // The template writes the special tokens itself.
    return tokenizer().encode(chatTemplate().render(messages, false), false);
  }

  /**
   * Token ids of a conversation and what begins the model's answer.
   *
   * @throws org.modelopt.error.DataException if the model has no chat template or it fails
   */
  public int[] encodePrompt(List<ChatMessage> messages) {
    return tokenizer().encode(chatTemplate().render(messages, true), false);
  }

  /**
   * The text that token ids stand for.
   *
   * @param skipSpecialTokens whether tokens such as begin of text are left out
   */
  public String decode(int[] ids, boolean skipSpecialTokens) {
    return tokenizer().decode(ids, skipSpecialTokens);
  }

  private synchronized Tokenizer tokenizer() {
    Tokenizer present = tokenizer;
    if (present == null) {
      present = Tokenizer.read(directory.resolve("tokenizer.json"));
      tokenizer = present;
    }
    return present;
  }

  private synchronized ChatTemplate chatTemplate() {
    ChatTemplate present = chatTemplate;
    if (present == null) {
      present = ChatTemplate.read(directory);
      chatTemplate = present;
    }
    return present;
  }
}
