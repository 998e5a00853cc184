package org.modelopt.models.server;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.modelopt.data.ChatMessage;
import org.modelopt.models.generation.GenerationOptions;
import org.modelopt.models.text.HfTextEncoder;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * What a client asks for.
 *
 * @param prompts token ids of each prompt
 * @param options how each is continued
 * @param echo whether prompts are part of the answer
 * @param logprobs how many of the likeliest tokens to list; -1 for no probabilities
 */
record CompletionRequest(
    List<int[]> prompts, GenerationOptions options, boolean echo, int logprobs) {
  private static final JsonMapper MAPPER = JsonMapper.builder().build();
  private static final int MOST_PROMPTS = 256;
  private static final int MOST_LOGPROBS = 20;

  /**
   * The body of {@code POST /v1/completions}.
   *
   * @param served the model there is; a request may leave its name out
   */
  static CompletionRequest completion(
      byte[] body, String served, HfTextEncoder encoder, Set<Integer> endTokens) {
    ObjectNode node = parse(body, served);
    List<int[]> prompts = prompts(node.path("prompt"), encoder);
    int logprobs =
        node.path("logprobs").isNumber() ? count(node, "logprobs", 0, MOST_LOGPROBS) : -1;
    return new CompletionRequest(
        prompts, options(node, 16, endTokens), flag(node, "echo"), logprobs);
  }

  /**
   * The body of {@code POST /v1/chat/completions}.
   *
   * @param served the model there is; a request may leave its name out
   */
  static CompletionRequest chat(
      byte[] body, String served, HfTextEncoder encoder, Set<Integer> endTokens) {
    ObjectNode node = parse(body, served);
    List<ChatMessage> messages = new ArrayList<>();
    for (JsonNode message : node.path("messages")) {
      if (!message.path("role").isString() || !message.path("content").isString()) {
        throw RequestException.invalid("messages need a text \"role\" and a text \"content\"");
      }
      messages.add(
          new ChatMessage(
              message.path("role").stringValue(), message.path("content").stringValue()));
    }
    if (messages.isEmpty()) {
      throw RequestException.invalid("\"messages\" must be a list of at least one message");
    }
    int logprobs =
        flag(node, "logprobs")
            ? node.path("top_logprobs").isNumber()
                ? count(node, "top_logprobs", 0, MOST_LOGPROBS)
                : 0
            : -1;
    return new CompletionRequest(
        List.of(encoder.encodePrompt(messages)), options(node, 256, endTokens), false, logprobs);
  }

  private static ObjectNode parse(byte[] body, String served) {
    try {
      if (MAPPER.readTree(body) instanceof ObjectNode node) {
        requireModel(node.path("model"), served);
        refuse(node, "stream");
        refuse(node, "suffix");
        for (String field : List.of("n", "best_of")) {
          if (node.path(field).isNumber() && node.path(field).asInt(1) != 1) {
            throw RequestException.invalid("\"" + field + "\" must be 1");
          }
        }
        return node;
      }
      throw RequestException.invalid("the body must be a JSON object");
    } catch (JacksonException e) {
      throw RequestException.invalid("the body is not JSON: " + e.getOriginalMessage());
    }
  }

  private static void requireModel(JsonNode asked, String served) {
    if (asked.isMissingNode() || asked.isNull()) {
      return;
    }
    if (!asked.isString()) {
      throw RequestException.invalid("\"model\" must be a text");
    }
    if (!asked.stringValue().equals(served)) {
      throw RequestException.unknownModel(asked.stringValue(), served);
    }
  }

  private static void refuse(ObjectNode node, String field) {
    JsonNode value = node.path(field);
    if ((value.isBoolean() && value.booleanValue()) || value.isString()) {
      throw RequestException.invalid("\"" + field + "\" is not supported; leave it out");
    }
  }

  private static List<int[]> prompts(JsonNode prompt, HfTextEncoder encoder) {
    List<int[]> prompts = new ArrayList<>();
    if (prompt.isString()) {
      prompts.add(encoder.encode(prompt.stringValue(), true));
    } else if (prompt.isArray() && !prompt.isEmpty() && prompt.get(0).isNumber()) {
      prompts.add(ids(prompt));
    } else if (prompt.isArray()) {
      for (JsonNode one : prompt) {
        if (!one.isString() && !one.isArray()) {
          throw badPrompt();
        }
        prompts.add(one.isString() ? encoder.encode(one.stringValue(), true) : ids(one));
      }
    } else {
      throw badPrompt();
    }
    if (prompts.isEmpty() || prompts.size() > MOST_PROMPTS) {
      throw RequestException.invalid(
          "there must be 1 to %d prompts, not %d".formatted(MOST_PROMPTS, prompts.size()));
    }
    return prompts;
  }

  private static RequestException badPrompt() {
    return RequestException.invalid(
        "\"prompt\" must be a text, a list of texts, token ids or a list of lists of token ids");
  }

  private static int[] ids(JsonNode array) {
    int[] ids = new int[array.size()];
    for (int i = 0; i < ids.length; i++) {
      if (!array.get(i).isInt()) {
        throw badPrompt();
      }
      ids[i] = array.get(i).intValue();
    }
    return ids;
  }

  private static GenerationOptions options(ObjectNode node, int tokens, Set<Integer> endTokens) {
    List<String> stops = new ArrayList<>();
    JsonNode stop = node.path("stop");
    if (stop.isString()) {
      stops.add(stop.stringValue());
    }
    for (JsonNode one : stop.isArray() ? stop : MAPPER.createArrayNode()) {
      stops.add(one.asString(""));
    }
    stops.removeIf(String::isEmpty);
    String field = node.has("max_completion_tokens") ? "max_completion_tokens" : "max_tokens";
    int most = node.path(field).isNumber() ? count(node, field, 0, Integer.MAX_VALUE) : tokens;
    long seed =
        node.path("seed").isNumber()
            ? node.path("seed").asLong(0)
            : new SplittableRandom().nextLong();
    try {
      return new GenerationOptions(
          most, number(node, "temperature"), number(node, "top_p"), seed, stops, endTokens);
    } catch (IllegalArgumentException e) {
      throw RequestException.invalid(String.valueOf(e.getMessage()));
    }
  }

  private static double number(ObjectNode node, String field) {
    JsonNode value = node.path(field);
    if (value.isMissingNode() || value.isNull()) {
      return 1;
    }
    if (!value.isNumber()) {
      throw RequestException.invalid("\"" + field + "\" must be a number");
    }
    return value.doubleValue();
  }

  private static int count(ObjectNode node, String field, int least, int most) {
    JsonNode value = node.path(field);
    if (!value.isInt() || value.intValue() < least || value.intValue() > most) {
      throw RequestException.invalid(
          "\"%s\" must be a whole number from %d to %d, not %s"
              .formatted(field, least, most, value));
    }
    return value.intValue();
  }

  private static boolean flag(ObjectNode node, String field) {
    return node.path(field).isBoolean() && node.path(field).booleanValue();
  }
}
