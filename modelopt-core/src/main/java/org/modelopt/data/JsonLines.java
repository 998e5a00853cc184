package org.modelopt.data;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.modelopt.error.DataException;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** One JSON object a line, with a text or a conversation. Holds one line in memory. */
record JsonLines(ByteSource source) implements SampleSource {
  private static final JsonMapper MAPPER =
      JsonMapper.builder().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();

  /** No sample is this long; a file without line ends is something else than JSON lines. */
  private static final int MOST_LINE_BYTES = 64 << 20;

  private static final int COPY_BYTES = 1 << 16;

  @Override
  public String name() {
    return source.name();
  }

  @Override
  public SampleSet read(SampleRequest request, Optional<TextEncoder> encoder) {
    SampleCollector collector =
        new SampleCollector(
            name(),
            request.samples().orElse(CalibrationData.DEFAULT_SAMPLES),
            request.maxLength().orElse(CalibrationData.DEFAULT_MAX_LENGTH),
            request);
    long line = 0;
    try (InputStream in = source.open()) {
      Lines lines = new Lines(in);
      while (!collector.isFull()) {
        line++;
        byte[] bytes = lines.next();
        if (bytes == null) {
          break;
        }
        if (!isBlank(bytes)) {
          collector.add(tokens(parse(bytes, line), line, required(encoder)));
        }
      }
    } catch (IOException e) {
      throw failure(line, "cannot be read: " + e.getMessage(), e);
    }
    return collector.finish();
  }

  private JsonNode parse(byte[] bytes, long line) {
    JsonNode node;
    try {
      node = MAPPER.readTree(bytes);
    } catch (JacksonException e) {
      String place = e.getLocation() == null ? "" : " at column " + e.getLocation().getColumnNr();
      throw failure(line, "is not JSON" + place + ": " + e.getOriginalMessage(), e);
    }
    if (!node.isObject()) {
      throw failure(
          line,
          "holds %s where a JSON object belongs; write one object a line"
              .formatted(node.isArray() ? "an array" : node.getNodeType()),
          null);
    }
    return node;
  }

  private int[] tokens(JsonNode node, long line, TextEncoder encoder) {
    JsonNode text = node.get("text");
    if (text != null && text.isString()) {
      return encoder.encode(text.stringValue(), true);
    }
    JsonNode messages = node.get("messages");
    if (messages != null && messages.isArray() && !messages.isEmpty()) {
      return encoder.encodeChat(conversation(messages, line));
    }
    JsonNode turns = node.get("conversations");
    if (turns != null && turns.isArray() && !turns.isEmpty()) {
      return encoder.encodeChat(shareGpt(turns, line));
    }
    Optional<JsonNode> response =
        Stream.of("response", "completion").map(node::path).filter(JsonNode::isString).findFirst();
    if (response.isPresent() && node.path("prompt").isString()) {
      return encoder.encodeChat(
          List.of(
              new ChatMessage("user", node.path("prompt").stringValue()),
              new ChatMessage("assistant", response.get().stringValue())));
    }
    throw failure(
        line,
        "has neither a text in \"text\" nor a conversation in \"messages\", \"conversations\" or"
            + " \"prompt\" and \"response\"; its fields are "
            + String.join(", ", node.propertyNames()),
        null);
  }

  private List<ChatMessage> shareGpt(JsonNode turns, long line) {
    List<ChatMessage> messages = new ArrayList<>();
    for (JsonNode turn : turns) {
      String role =
          switch (turn.path("from").asString("")) {
            case "human", "user" -> "user";
            case "gpt", "chatgpt", "bing", "assistant", "model" -> "assistant";
            case "system" -> "system";
            case "tool", "function", "observation" -> "tool";
            default ->
                throw failure(
                    line,
                    "has a turn \"from\" %s, who is none of human, gpt, system and tool"
                        .formatted(turn.path("from")),
                    null);
          };
      messages.add(new ChatMessage(role, content(turn.get("value"), line)));
    }
    return messages;
  }

  private List<ChatMessage> conversation(JsonNode messages, long line) {
    List<ChatMessage> turns = new ArrayList<>();
    for (JsonNode message : messages) {
      JsonNode role = message.get("role");
      if (role == null || !role.isString()) {
        throw failure(line, "has a message without a \"role\"", null);
      }
      turns.add(new ChatMessage(role.stringValue(), content(message.get("content"), line)));
    }
    return turns;
  }

  /** A text, a list of parts of which those with a text count, or nothing (a call of a tool). */
  private String content(@Nullable JsonNode content, long line) {
    if (content == null || content.isNull()) {
      return "";
    }
    if (content.isString()) {
      return content.stringValue();
    }
    if (content.isArray()) {
      StringBuilder text = new StringBuilder();
      for (JsonNode part : content) {
        JsonNode partText = part.get("text");
        if (partText != null && partText.isString()) {
          text.append(partText.stringValue());
        }
      }
      return text.toString();
    }
    throw failure(line, "has a message whose \"content\" is neither a text nor parts", null);
  }

  private DataException failure(long line, String what, @Nullable Exception cause) {
    String message = "%s: line %d %s".formatted(name(), line, what);
    return cause == null ? new DataException(message) : new DataException(message, cause);
  }

  private static boolean isBlank(byte[] bytes) {
    for (byte b : bytes) {
      if (b != ' ' && b != '\t' && b != '\r') {
        return false;
      }
    }
    return true;
  }

  /** Lines as bytes: their encoding is for the JSON parser to check, which knows where it fails. */
  private static final class Lines {
    private final InputStream in;
    private final byte[] buffer = new byte[COPY_BYTES];
    private int from;
    private int to;

    Lines(InputStream in) {
      this.in = in;
    }

    /** The next line without its end, or null after the last. */
    byte @Nullable [] next() throws IOException {
      ByteArrayOutputStream line = new ByteArrayOutputStream();
      while (true) {
        if (from == to) {
          from = 0;
          to = Math.max(0, in.read(buffer));
          if (to == 0) {
            return line.size() == 0 ? null : line.toByteArray();
          }
        }
        int end = from;
        while (end < to && buffer[end] != '\n') {
          end++;
        }
        line.write(buffer, from, end - from);
        from = end;
        if (end < to) {
          from++;
          return line.toByteArray();
        }
        if (line.size() > MOST_LINE_BYTES) {
          throw new IOException(
              "it has more than %,d bytes; write one JSON object a line"
                  .formatted(MOST_LINE_BYTES));
        }
      }
    }
  }
}
