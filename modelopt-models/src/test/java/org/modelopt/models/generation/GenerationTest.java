package org.modelopt.models.generation;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.modelopt.compute.Backend;
import org.modelopt.compute.Precision;
import org.modelopt.error.DataException;
import org.modelopt.job.JobOptions;
import org.modelopt.job.Pass;
import org.modelopt.job.Session;
import org.modelopt.models.Checkpoints;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.models.pocket.PocketModel;

/** Text is produced as if every token were computed from the whole text before it. */
class GenerationTest {
  private static final int[] PROMPT = {5, 17, 200, 31, 8, 44, 91, 2, 150, 77, 13, 60, 18, 9, 301};

  private static int largest(float[] logits, int from, int to) {
    int best = from;
    for (int i = from; i < to; i++) {
      best = logits[i] > logits[best] ? i : best;
    }
    return best - from;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"llama-bias-yarn", "gemma3", "deepseek-v3", "gpt-oss", "llama4", "qwen2-moe"})
  void keptKeysAndValuesGiveTheSameTokens(String name, @TempDir Path directory) {
    Checkpoints.write(name, directory);
    try (HfModel model = Models.load(directory);
        Backend backend = JobOptions.defaults().openBackend();
        Session session = Session.open(model, Pass.plain(backend, Precision.FLOAT32));
        Session.Sequence sequence = session.begin(PROMPT.length + 8)) {
      int[] text = PROMPT.clone();
      float[] next = sequence.append(text);
      for (int i = 0; i < 8; i++) {
        float[] all = session.logits(text);
        int vocabulary = all.length / text.length;
        float[] last = Arrays.copyOfRange(all, all.length - vocabulary, all.length);
        // Products of other sizes add in another order.
        assertArrayEquals(last, next, 1e-4f * Math.abs(last[largest(last, 0, vocabulary)]));
        int token = largest(next, 0, vocabulary);
        assertEquals(largest(last, 0, vocabulary), token);
        text = Arrays.copyOf(text, text.length + 1);
        text[text.length - 1] = token;
        next = i < 7 ? sequence.append(token) : next;
      }
    }
  }

  @Test
  void aTextEndsAtAStopAndRepeatsBySeed(@TempDir Path directory) {
    PocketModel.extract(directory);
    try (HfModel model = Models.load(directory);
        Backend backend = JobOptions.defaults().openBackend();
        Session session = Session.open(model, Pass.plain(backend, Precision.FLOAT32))) {
      TextGenerator generator = new TextGenerator(session, model.tokenizer(), 64);
      int[] prompt = model.tokenizer().encode("It was a dark and", true);
      Generation plain =
          generator.generate(
              prompt, GenerationOptions.greedy(24, List.of(), Set.of()), 2, () -> false);
      assertEquals(24, plain.tokens().size());
      assertEquals(Generation.End.LENGTH, plain.end());
      TokenScore first = plain.tokens().getFirst();
      assertEquals(first.id(), first.likeliest().getFirst().id());
      assertTrue(first.logProbability() >= first.likeliest().get(1).logProbability());

      String stop = plain.text().substring(10, 14);
      Generation stopped =
          generator.generate(
              prompt, GenerationOptions.greedy(24, List.of(stop), Set.of()), 0, () -> false);
      assertEquals(plain.text().substring(0, plain.text().indexOf(stop)), stopped.text());
      assertEquals(Generation.End.STOP, stopped.end());

      GenerationOptions drawn = new GenerationOptions(24, 1, 0.9, 7, List.of(), Set.of());
      String once = generator.generate(prompt, drawn, 0, () -> false).text();
      assertEquals(once, generator.generate(prompt, drawn, 0, () -> false).text());
      assertNotEquals(plain.text(), once);

      GenerationOptions unbounded = GenerationOptions.greedy(1000, List.of(), Set.of());
      assertEquals(
          64 - prompt.length,
          generator.generate(prompt, unbounded, 0, () -> false).tokens().size());
      assertThrows(
          DataException.class, () -> generator.generate(new int[64], unbounded, 0, () -> false));
    }
  }
}
