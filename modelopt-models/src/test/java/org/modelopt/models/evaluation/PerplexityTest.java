package org.modelopt.models.evaluation;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.compute.Precision;
import org.modelopt.data.ChatMessage;
import org.modelopt.data.TextEncoder;
import org.modelopt.error.DataException;
import org.modelopt.job.JobOptions;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.models.pocket.PocketModel;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

class PerplexityTest {
  /** Of the first three windows of 31 tokens, by transformers 5.18 in float32. */
  private static final double REFERENCE = 53.738750402386124;

  @TempDir Path directory;
  private JobOptions options;

  /** One token a character. */
  private static final TextEncoder CHARACTERS =
      new TextEncoder() {
        @Override
        public int[] encode(String text, boolean specialTokens) {
          return text.chars().toArray();
        }

        @Override
        public int[] encodeChat(List<ChatMessage> messages) {
          throw new UnsupportedOperationException();
        }
      };

  @BeforeEach
  void options() {
    options = JobOptions.defaults().withDevice("cpu");
  }

  private Perplexity measure(JobOptions how, int most) {
    try (HfModel model = Models.load(PocketModel.extract(directory))) {
      List<Tensor> windows =
          EvaluationWindows.ofText(
              PocketModel.evaluationText(),
              model.textEncoder().orElseThrow(),
              model.beginOfText().orElseThrow(),
              32,
              most);
      return Perplexity.measure(model, windows, how);
    }
  }

  @Test
  void inFloat32ItIsThatOfTheReference() {
    Perplexity perplexity = measure(options.withPrecision(Precision.FLOAT32), 3);
    assertEquals(REFERENCE, perplexity.value(), 1e-5 * REFERENCE);
    assertEquals(93, perplexity.tokens());
    assertEquals(3, perplexity.windows());
  }

  @Test
  void inBfloat16ItIsClose() {
    // 93 tokens, each logit off by up to 2^-9 of its magnitude.
    assertEquals(REFERENCE, measure(options, 3).value(), 0.02 * REFERENCE);
  }

  @Test
  void itDoesNotDependOnTheNumberOfThreads() {
    assertEquals(measure(options.withThreads(1), 2), measure(options.withThreads(2), 2));
  }

  @Test
  void windowsAreCutWithoutOverlapAndBeginWithTheGivenToken() {
    List<Tensor> windows = EvaluationWindows.ofText("abcdefgh", CHARACTERS, 7, 4, 9);
    assertEquals(2, windows.size()); // "gh" is left over
    assertArrayEquals(new int[] {7, 'a', 'b', 'c'}, windows.get(0).toInts());
    assertArrayEquals(new int[] {7, 'd', 'e', 'f'}, windows.get(1).toInts());
    assertEquals(1, EvaluationWindows.ofText("abcdefgh", CHARACTERS, 7, 4, 1).size());
  }

  @Test
  void textTooShortForAWindowIsAnError() {
    String message =
        assertThrows(DataException.class, () -> EvaluationWindows.ofText("ab", CHARACTERS, 7, 4, 9))
            .getMessage();
    assertTrue(message.contains("2 tokens"), message);
  }

  @Test
  void windowsWithoutAPredictionAreAnError() {
    try (HfModel model = Models.load(PocketModel.extract(directory))) {
      Tensor single = Tensor.ofInts(Arena.ofAuto(), Shape.of(1), 5);
      assertThrows(DataException.class, () -> Perplexity.measure(model, List.of(single), options));
    }
  }

  @Test
  void windowsOfDifferentLengthsCountByTheirTokens() {
    try (HfModel model = Models.load(PocketModel.extract(directory))) {
      JobOptions exact = options.withPrecision(Precision.FLOAT32);
      List<Tensor> windows =
          IntStream.of(5, 9)
              .mapToObj(n ->
                  Tensor.ofInts(Arena.ofAuto(), Shape.of(n), IntStream.range(40, 40 + n).toArray()))
              .toList();
      double first = Math.log(Perplexity.measure(model, windows.subList(0, 1), exact).value());
      double second = Math.log(Perplexity.measure(model, windows.subList(1, 2), exact).value());
      assertEquals(
          Math.exp((4 * first + 8 * second) / 12),
          Perplexity.measure(model, windows, exact).value(),
          1e-9);
    }
  }
}
