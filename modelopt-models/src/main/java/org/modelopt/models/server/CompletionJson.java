package org.modelopt.models.server;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.modelopt.models.generation.Generation;
import org.modelopt.models.generation.TokenScore;
import org.modelopt.models.text.HfTextEncoder;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Answers as clients read them. */
final class CompletionJson {
  private static final JsonMapper MAPPER = JsonMapper.builder().build();

  private final HfTextEncoder encoder;

  CompletionJson(HfTextEncoder encoder) {
    this.encoder = encoder;
  }

  static ObjectNode object() {
    return MAPPER.createObjectNode();
  }

  /** An answer without choices yet. */
  static ObjectNode answer(String id, String kind, String model, long seconds) {
    ObjectNode node = object();
    node.put("id", id).put("object", kind).put("created", seconds).put("model", model);
    return node;
  }

  static void usage(ObjectNode answer, long prompt, long completion) {
    answer
        .putObject("usage")
        .put("prompt_tokens", prompt)
        .put("completion_tokens", completion)
        .put("total_tokens", prompt + completion);
  }

  /**
   * A choice of a completion.
   *
   * @param prompt the prompt's tokens if they are part of the answer, else none
   * @param scores of the prompt's tokens from the second on
   */
  ObjectNode choice(
      int index, int[] prompt, List<TokenScore> scores, Generation generation, int logprobs) {
    String before = prompt.length == 0 ? "" : encoder.decode(prompt, false);
    ObjectNode choice = object();
    choice.put("text", before + generation.text()).put("index", index);
    if (logprobs < 0) {
      choice.putNull("logprobs");
    } else {
      choice.set("logprobs", logprobs(prompt, scores, generation.tokens(), logprobs));
    }
    choice.put("finish_reason", generation.end().name().toLowerCase(Locale.ROOT));
    return choice;
  }

  private ObjectNode logprobs(
      int[] prompt, List<TokenScore> scores, List<TokenScore> generated, int top) {
    ObjectNode node = object();
    ArrayNode tokens = node.putArray("tokens");
    ArrayNode likelihoods = node.putArray("token_logprobs");
    ArrayNode likeliest = node.putArray("top_logprobs");
    ArrayNode offsets = node.putArray("text_offset");
    int offset = 0;
    if (prompt.length > 0) {
      String first = token(prompt[0]);
      tokens.add(first);
      likelihoods.addNull();
      likeliest.addNull();
      offsets.add(0);
      offset = first.length();
    }
    List<TokenScore> all = new ArrayList<>(scores);
    all.addAll(generated);
    for (TokenScore score : all) {
      String text = token(score.id());
      tokens.add(text);
      likelihoods.add(score.logProbability());
      ObjectNode best = likeliest.addObject();
      // Parts of a character read alike; of those the likeliest counts.
      for (TokenScore.Candidate candidate : score.likeliest()) {
        String read = token(candidate.id());
        if (!best.has(read)) {
          best.put(read, candidate.logProbability());
        }
      }
      if (top > 0 && !best.has(text)) {
        best.put(text, score.logProbability());
      }
      offsets.add(offset);
      offset += text.length();
    }
    return node;
  }

  /** A choice of a chat. */
  ObjectNode chatChoice(Generation generation, int logprobs) {
    ObjectNode choice = object();
    choice.put("index", 0);
    choice.putObject("message").put("role", "assistant").put("content", generation.text());
    if (logprobs < 0) {
      choice.putNull("logprobs");
    } else {
      ArrayNode content = choice.putObject("logprobs").putArray("content");
      for (TokenScore score : generation.tokens()) {
        ObjectNode token = content.addObject();
        token.put("token", token(score.id())).put("logprob", score.logProbability());
        ArrayNode likeliest = token.putArray("top_logprobs");
        score
            .likeliest()
            .forEach(c ->
                likeliest
                    .addObject()
                    .put("token", token(c.id()))
                    .put("logprob", c.logProbability()));
      }
    }
    choice.put("finish_reason", generation.end().name().toLowerCase(Locale.ROOT));
    return choice;
  }

  private String token(int id) {
    return encoder.decode(new int[] {id}, false);
  }

  /** An error as clients read it. */
  static ObjectNode error(String type, Optional<String> code, String message) {
    ObjectNode node = object();
    ObjectNode error =
        node.putObject("error").put("message", message).put("type", type).putNull("param");
    code.ifPresentOrElse(known -> error.put("code", known), () -> error.putNull("code"));
    return node;
  }
}
