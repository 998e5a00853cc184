package org.modelopt.models.server;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.models.generation.Generation;
import org.modelopt.models.generation.TokenScore;
import org.modelopt.models.pocket.PocketModel;
import tools.jackson.databind.JsonNode;

class CompletionJsonTest {
  @TempDir private Path directory;

  /** A client compares the token's probability with the greatest listed to see whether it led. */
  @Test
  void ofTokensThatReadAlikeTheLikeliestIsListed() {
    try (HfModel model = Models.load(PocketModel.extract(directory))) {
      int[] parts =
          IntStream.range(0, 300)
              .filter(id -> model.tokenizer().decode(new int[] {id}, false).equals("\ufffd"))
              .limit(2)
              .toArray();
      assertEquals(2, parts.length);
      TokenScore score =
          new TokenScore(
              parts[0],
              -0.5,
              List.of(
                  new TokenScore.Candidate(parts[0], -0.5),
                  new TokenScore.Candidate(parts[1], -1.5)));
      JsonNode choice =
          new CompletionJson(model.tokenizer())
              .choice(
                  0,
                  new int[0],
                  List.of(),
                  new Generation("", List.of(score), Generation.End.LENGTH),
                  2);
      JsonNode listed = choice.path("logprobs").path("top_logprobs").get(0);
      assertEquals(-0.5, listed.path("\ufffd").doubleValue());
    }
  }
}
