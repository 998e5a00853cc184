package org.modelopt.models.text;

import java.nio.file.Path;
import java.util.List;
import org.modelopt.data.ChatMessage;
import org.modelopt.error.DataException;

/** A checkpoint's chat template. */
final class ChatTemplate {
  static ChatTemplate read(Path directory) {
    throw new DataException(directory + " no chat");
  }

  String render(List<ChatMessage> messages) {
    throw new DataException("no chat" + messages);
  }
}
