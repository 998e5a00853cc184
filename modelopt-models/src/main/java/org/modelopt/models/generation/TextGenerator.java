package org.modelopt.models.generation;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;
import org.modelopt.error.DataException;
import org.modelopt.job.Session;
import org.modelopt.models.HfModel;
import org.modelopt.models.hf.HfConfig;
import org.modelopt.models.text.HfTextEncoder;

/** Continues texts with one model. Used by one thread at a time. */
public final class TextGenerator {
  /** Tokens of a prompt that run at once, which bounds the memory for its attention. */
  private static final int PROMPT_BLOCK = 512;

  /** Tokens whose logits are on the heap at once. */
  private static final int SCORED_BLOCK = 64;

  private final Session session;
  private final HfTextEncoder encoder;
  private final int maxLength;

  /**
   * A generator.
   *
   * @param session the model, loaded
   * @param encoder its tokenizer
   * @param maxLength tokens of prompt and text together at most
   */
  public TextGenerator(Session session, HfTextEncoder encoder, int maxLength) {
    this.session = session;
    this.encoder = encoder;
    this.maxLength = maxLength;
  }

  /** The tokens that end a text: {@code eos_token_id} of generation_config.json and config.json. */
  public static Set<Integer> endTokens(HfModel model) {
    Set<Integer> tokens = new HashSet<>(model.config().findTokenIds("eos_token_id"));
    model
        .generationConfig()
        .map((HfConfig generation) -> generation.findTokenIds("eos_token_id"))
        .ifPresent(tokens::addAll);
    return tokens;
  }

  /**
   * Continues a prompt.
   *
   * @param top how many of the likeliest tokens to list at each place
   * @param cancelled asked before each token; the text ends when it says so
   * @throws DataException if the prompt is empty or too long
   */
  public Generation generate(
      int[] prompt, GenerationOptions options, int top, BooleanSupplier cancelled) {
    check(prompt);
    int most = Math.min(options.maxTokens(), maxLength - prompt.length);
    try (Session.Sequence sequence = session.begin(prompt.length + most)) {
      if (most == 0) {
        return new Generation("", List.of(), Generation.End.LENGTH);
      }
      return go(sequence, read(sequence, prompt), most, options, top, cancelled);
    }
  }

  private Generation go(
      Session.Sequence sequence,
      float[] first,
      int most,
      GenerationOptions options,
      int top,
      BooleanSupplier cancelled) {
    Sampler sampler = new Sampler(options);
    List<TokenScore> tokens = new ArrayList<>();
    float[] logits = first;
    while (true) {
      int next = sampler.next(logits);
      if (options.endTokens().contains(next)) {
        return new Generation(text(tokens), tokens, Generation.End.STOP);
      }
      tokens.add(TokenScore.of(logits, 0, logits.length, next, top));
      Optional<String> stopped = beforeStop(tokens, options.stops());
      if (stopped.isPresent()) {
        return new Generation(stopped.get(), tokens, Generation.End.STOP);
      }
      if (tokens.size() == most || cancelled.getAsBoolean()) {
        return new Generation(text(tokens), tokens, Generation.End.LENGTH);
      }
      logits = sequence.append(next);
    }
  }

  /**
   * A prompt's own tokens with their probabilities, and how it goes on.
   *
   * @param prompt scores of the prompt's tokens from the second on; the first has none
   * @param continuation what follows
   */
  public record Echo(List<TokenScore> prompt, Generation continuation) {
    /** Copies the list. */
    public Echo {
      prompt = List.copyOf(prompt);
    }
  }

  /**
   * Scores a prompt and continues it; otherwise like {@link #generate}.
   *
   * @throws DataException if the prompt is empty or too long
   */
  public Echo scoreAndGenerate(
      int[] prompt, GenerationOptions options, int top, BooleanSupplier cancelled) {
    check(prompt);
    int most = Math.min(options.maxTokens(), maxLength - prompt.length);
    List<TokenScore> scores = new ArrayList<>();
    try (Session.Sequence sequence = session.begin(prompt.length + most)) {
      float[] last = {};
      for (int at = 0; at < prompt.length; at += SCORED_BLOCK) {
        int end = Math.min(prompt.length, at + SCORED_BLOCK);
        float[] logits = sequence.appendAll(Arrays.copyOfRange(prompt, at, end));
        int vocabulary = logits.length / (end - at);
        for (int i = at; i < end && i + 1 < prompt.length; i++) {
          scores.add(TokenScore.of(logits, (i - at) * vocabulary, vocabulary, prompt[i + 1], top));
        }
        last = Arrays.copyOfRange(logits, logits.length - vocabulary, logits.length);
        if (cancelled.getAsBoolean()) {
          throw new DataException("cancelled");
        }
      }
      Generation continuation =
          most == 0
              ? new Generation("", List.of(), Generation.End.LENGTH)
              : go(sequence, last, most, options, top, cancelled);
      return new Echo(scores, continuation);
    }
  }

  private void check(int[] prompt) {
    if (prompt.length == 0 || prompt.length >= maxLength) {
      throw new DataException(
          "the prompt has %d tokens; it must have at least one and fewer than %d"
              .formatted(prompt.length, maxLength));
    }
  }

  private static float[] read(Session.Sequence sequence, int[] prompt) {
    int at = 0;
    while (prompt.length - at > PROMPT_BLOCK) {
      sequence.append(Arrays.copyOfRange(prompt, at, at + PROMPT_BLOCK));
      at += PROMPT_BLOCK;
    }
    return sequence.append(Arrays.copyOfRange(prompt, at, prompt.length));
  }

  private Optional<String> beforeStop(List<TokenScore> tokens, List<String> stops) {
    if (stops.isEmpty()) {
      return Optional.empty();
    }
    String text = text(tokens);
    return stops.stream()
        .map(text::indexOf)
        .filter(at -> at >= 0)
        .min(Integer::compare)
        .map(at -> text.substring(0, at));
  }

  private String text(List<TokenScore> tokens) {
    return encoder.decode(tokens.stream().mapToInt(TokenScore::id).toArray(), true);
  }
}
