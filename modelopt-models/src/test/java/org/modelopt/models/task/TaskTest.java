package org.modelopt.models.task;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.compute.Backend;
import org.modelopt.compute.Precision;
import org.modelopt.error.DataException;
import org.modelopt.job.JobOptions;
import org.modelopt.job.Pass;
import org.modelopt.job.Session;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.models.generation.TextGenerator;
import org.modelopt.models.pocket.PocketModel;

class TaskTest {
  @TempDir private Path directory;

  private Path file(String name, String... lines) throws IOException {
    return Files.writeString(directory.resolve(name), String.join("\n", lines));
  }

  @Test
  void mmluIsReadFromCsvAndJsonLines() throws IOException {
    Path csv = file("law_test.csv", "\"What, then?\",one,two,\"th\"\"ree\",four,C");
    Path examples = file("law_dev.csv", "Which?,a,b,c,d,B", "Who?,e,f,g,h,A");
    ChoiceItem item = ChoiceFiles.mmlu(csv, Optional.of(examples), 1, "law").getFirst();
    assertEquals(
        """
        The following are multiple choice questions (with answers) about law.

        Which?
        A. a
        B. b
        C. c
        D. d
        Answer: B

        What, then?
        A. one
        B. two
        C. th"ree
        D. four
        Answer:\
        """,
        item.context());
    assertEquals(List.of(" A", " B", " C", " D"), item.choices());
    assertEquals(2, item.answer());
    Path json =
        file("x.jsonl", "{\"question\": \"Q\", \"choices\": [\"a\", \"b\"], \"answer\": 1}");
    assertEquals(1, ChoiceFiles.mmlu(json, Optional.empty(), 0, "x").getFirst().answer());
    Path bad = file("bad.csv", "Which?,a,b,c,d,E");
    DataException failure =
        assertThrows(DataException.class, () -> ChoiceFiles.mmlu(bad, Optional.empty(), 0, "bad"));
    assertTrue(failure.getMessage().contains("row 1"), failure.getMessage());
  }

  @Test
  void arcAndHellaSwagAreReadInTheirLayouts() throws IOException {
    Path arc =
        file(
            "arc.jsonl",
            "{\"question\": \"Why?\", \"choices\": {\"text\": [\"x\", \"y\"], \"label\": [\"1\","
                + " \"2\"]}, \"answerKey\": \"2\"}",
            "{\"question\": {\"stem\": \"How?\", \"choices\": [{\"text\": \"u\", \"label\": \"A\"},"
                + " {\"text\": \"v\", \"label\": \"B\"}]}, \"answerKey\": \"A\"}");
    assertEquals(
        List.of(
            new ChoiceItem("Question: Why?\nAnswer:", List.of(" x", " y"), 1),
            new ChoiceItem("Question: How?\nAnswer:", List.of(" u", " v"), 0)),
        ChoiceFiles.arc(arc));
    Path swag =
        file(
            "swag.jsonl",
            "{\"activity_label\": \"Tea\", \"ctx_a\": \"He pours.\", \"ctx_b\": \"he\","
                + " \"endings\": [\"drinks.\", \"Fly [step] away.\"], \"label\": \"0\"}");
    assertEquals(
        new ChoiceItem("Tea: He pours. He", List.of(" drinks.", " Fly away."), 0),
        ChoiceFiles.hellaSwag(swag).getFirst());
  }

  @Test
  void theLikeliestAnswerCounts() {
    Path model = PocketModel.extract(directory.resolve("model"));
    try (HfModel opened = Models.load(model);
        Backend backend = JobOptions.defaults().openBackend()) {
      Pass pass = Pass.plain(backend, Precision.FLOAT32);
      List<ChoiceItem> items =
          List.of(
              new ChoiceItem("He looked at the", List.of(" man", " qzxv"), 0),
              new ChoiceItem("She opened the", List.of(" %%%%", " door"), 1),
              new ChoiceItem("She opened the", List.of(" %%%%", " door"), 0));
      TaskScore score = MultipleChoice.measure("words", items, opened, pass, JobOptions.defaults());
      assertEquals(2, score.correct());
      assertEquals(2.0 / 3, score.accuracy());
      assertThrows(
          DataException.class,
          () -> MultipleChoice.measure("none", List.of(), opened, pass, JobOptions.defaults()));
    }
  }

  @Test
  void likelihoodsOfAContinuationAreThoseOfItsTokens() {
    Path model = PocketModel.extract(directory.resolve("model"));
    try (HfModel opened = Models.load(model);
        Backend backend = JobOptions.defaults().openBackend();
        Session session = Session.open(opened, Pass.plain(backend, Precision.FLOAT32))) {
      var continuation = Continuations.encode("She opened ", "the door", opened.tokenizer());
      double sum =
          Continuations.logLikelihoods(
                  opened,
                  List.of(continuation),
                  Pass.plain(backend, Precision.FLOAT32),
                  JobOptions.defaults())
              .getFirst();
      float[] logits = session.logits(continuation.ids());
      int vocabulary = logits.length / continuation.ids().length;
      double expected = 0;
      for (int i = continuation.context(); i < continuation.ids().length; i++) {
        expected +=
            org.modelopt.models.generation.TokenScore.of(
                    logits, (i - 1) * vocabulary, vocabulary, continuation.ids()[i], 0)
                .logProbability();
      }
      assertEquals(expected, sum, 1e-3);
    }
  }

  @Test
  void gsm8kComparesTheLastNumber() throws IOException {
    assertEquals(Optional.of("1250"), Gsm8k.answer("so\n#### 1,250"));
    assertEquals(Optional.of("-3.5"), Gsm8k.answer("it is 4, no, -3.50."));
    assertEquals(Optional.empty(), Gsm8k.answer("nothing"));
    Path model = PocketModel.extract(directory.resolve("model"));
    Path train =
        file("train.jsonl", "{\"question\": \"1 and 1?\", \"answer\": \"It is 2.\\n#### 2\"}");
    Path test = file("test.jsonl", "{\"question\": \"2 and 1?\", \"answer\": \"3\\n#### 3\"}");
    Path code = file("code.jsonl", "{\"task_id\": \"T/0\", \"prompt\": \"def f():\\n\"}");
    try (HfModel opened = Models.load(model);
        Backend backend = JobOptions.defaults().openBackend();
        Session session = Session.open(opened, Pass.plain(backend, Precision.FLOAT32))) {
      TextGenerator generator = new TextGenerator(session, opened.tokenizer(), 256);
      var end = TextGenerator.endTokens(opened);
      TaskScore score = Gsm8k.measure(test, train, 1, 9, generator, opened.tokenizer(), end, 8);
      assertEquals(1, score.items());
      assertThrows(
          DataException.class,
          () -> Gsm8k.measure(test, train, 8, 9, generator, opened.tokenizer(), end, 8));
      Path out = directory.resolve("out.jsonl");
      assertEquals(1, HumanEval.complete(code, out, 9, generator, opened.tokenizer(), end, 8));
      assertTrue(Files.readString(out).startsWith("{\"task_id\":\"T/0\",\"completion\":\""));
    }
  }
}
