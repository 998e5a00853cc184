package org.modelopt.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.models.pocket.PocketModel;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class EvalCommandTest {
  @TempDir private Path directory;
  private Path model;
  private Path coarse;
  private Path text;

  @BeforeEach
  void quantizeTheModel() throws IOException {
    model = PocketModel.extract(directory.resolve("pocket-llama"));
    coarse = directory.resolve("coarse");
    CommandRun run = CommandRun.quantize(model, coarse, "--config", "NVFP4_DEFAULT");
    assertEquals(0, run.exit(), run.err());
    text = Files.writeString(directory.resolve("text.txt"), PocketModel.evaluationText());
  }

  private CommandRun eval(Path checkpoint, Object... more) {
    Object[] all = new Object[more.length + 9];
    Object[] first = {
      "eval", "--model", checkpoint, "--text", text, "--windows", 2, "--sequence-length", 128
    };
    System.arraycopy(first, 0, all, 0, 9);
    System.arraycopy(more, 0, all, 9, more.length);
    return CommandRun.of(all);
  }

  private static JsonNode json(CommandRun run) {
    assertEquals(0, run.exit(), run.err());
    return new JsonMapper().readTree(run.out());
  }

  @Test
  void aModelAcceptsAllItsOwnTokensAndFewerOfACoarserDraft() {
    JsonNode own = json(eval(model, "--draft", model, "--json"));
    assertEquals(1, own.get("acceptance_sampling").asDouble(), 1e-9);
    assertEquals(1, own.get("acceptance_greedy").asDouble());
    assertEquals(5, own.get("tokens_per_pass_greedy").asDouble());
    JsonNode draft = json(eval(model, "--draft", coarse, "--drafted", 2, "--json"));
    double accepted = draft.get("acceptance_sampling").asDouble();
    assertTrue(accepted > 0.5 && accepted < 1, draft.toString());
    assertEquals(
        1 + accepted + accepted * accepted,
        draft.get("tokens_per_pass_sampling").asDouble(),
        1e-12);
    String shown = eval(model, "--draft", coarse).out();
    assertTrue(shown.contains("tokens per pass of the target"), shown);
  }

  @Test
  void aDraftWithOtherTokensIsRefused() throws IOException {
    Path other = PocketModel.extract(directory.resolve("other"));
    Path tokenizer = other.resolve("tokenizer.json");
    String changed = Files.readString(tokenizer).replaceFirst("\"the\"", "\"eht\"");
    Files.writeString(tokenizer, changed);
    CommandRun run = eval(model, "--draft", other);
    assertEquals(1, run.exit());
    assertTrue(run.err().contains("do not have the same tokens"), run.err());
  }

  @Test
  void driftFromABaselineFails() throws IOException {
    Path baseline = directory.resolve("baseline.json");
    Files.writeString(baseline, eval(model, "--json").out());
    CommandRun same = eval(model, "--against", baseline);
    assertEquals(0, same.exit(), same.err());
    assertEquals("no drift from " + baseline, same.lastLine());
    CommandRun drifted = eval(coarse, "--against", baseline, "--drift", "perplexity:1");
    assertEquals(1, drifted.exit());
    assertTrue(drifted.err().contains("drift from " + baseline), drifted.err());
    assertTrue(drifted.err().contains("more than 1.0%"), drifted.err());
    assertEquals(0, eval(coarse, "--against", baseline, "--drift", "perplexity:1000").exit());
  }

  @Test
  void baselinesOfSomethingElseAreRefused() throws IOException {
    Path baseline = Files.writeString(directory.resolve("baseline.json"), "{\"a\": 1}");
    CommandRun run = eval(model, "--against", baseline);
    assertEquals(1, run.exit());
    assertTrue(run.err().contains("give what eval --json printed"), run.err());
    run = eval(model, "--drift", "kl:1");
    assertTrue(run.err().contains("--drift needs --against"), run.err());
  }
}
