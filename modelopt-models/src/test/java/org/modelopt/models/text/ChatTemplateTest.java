package org.modelopt.models.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.modelopt.data.ChatMessage;
import org.modelopt.error.DataException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Conversations under templates that are built like those of well-known models. */
class ChatTemplateTest {
  private static final JsonNode CHATS = read();

  private static JsonNode read() {
    try (InputStream in = ChatTemplateTest.class.getResourceAsStream("chats.json")) {
      return new JsonMapper().readTree(in);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static List<JsonNode> cases() {
    List<JsonNode> cases = new ArrayList<>();
    CHATS.get("cases").forEach(cases::add);
    assertEquals(50, cases.size());
    return cases;
  }

  @ParameterizedTest
  @MethodSource("cases")
  void conversationsReadAsJinjaWritesThem(JsonNode one, @TempDir Path directory)
      throws IOException {
    Files.writeString(
        directory.resolve("chat_template.jinja"),
        CHATS.get("templates").get(one.get("template").stringValue()).stringValue());
    Files.writeString(
        directory.resolve("tokenizer_config.json"),
        "{\"bos_token\": \"<s>\", \"eos_token\": {\"content\": \"</s>\"}}");
    List<ChatMessage> messages = new ArrayList<>();
    CHATS
        .get("conversations")
        .get(one.get("conversation").stringValue())
        .forEach(message ->
            messages.add(
                new ChatMessage(
                    message.get("role").stringValue(), message.get("content").stringValue())));
    ChatTemplate template = ChatTemplate.read(directory);
    boolean prompt = one.get("prompt").booleanValue();
    if (one.has("error")) {
      String message =
          assertThrows(DataException.class, () -> template.render(messages, prompt)).getMessage();
      assertTrue(message.contains(one.get("error").stringValue()), message);
    } else {
      assertEquals(one.get("output").stringValue(), template.render(messages, prompt));
    }
  }
}
