package org.modelopt.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.decision.Decisions;
import org.modelopt.examples.calibrator.TypicalChannels;
import org.modelopt.examples.files.ManyTargets;
import org.modelopt.examples.files.Reshard;
import org.modelopt.examples.formats.AutoQuantize;
import org.modelopt.examples.formats.ManyFormats;
import org.modelopt.examples.formats.MixedPrecision;
import org.modelopt.examples.quickstart.TenLines;
import org.modelopt.examples.quickstart.WithReport;
import org.modelopt.examples.service.QuantizationService;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.safetensors.SafetensorsCheckpoint;
import org.modelopt.tensor.TensorInfo;

/** Every example runs on the embedded model, and its result is what it says. */
class ExamplesTest {
  @TempDir private Path directory;
  private ExampleModel example;

  @BeforeEach
  void prepare() throws IOException {
    example = ExampleModel.in(directory);
  }

  private String[] arguments() {
    return new String[] {
      example.checkpoint().toString(), example.data().toString(), example.out().toString()
    };
  }

  private static Decisions stored(Path checkpoint) {
    try (HfModel model = Models.load(checkpoint)) {
      return model.storedDecisions().orElseThrow();
    }
  }

  @Test
  void tenLines() {
    TenLines.main(arguments());
    assertEquals(28, stored(example.out()).inputs().size());
  }

  @Test
  void mixedPrecision() {
    MixedPrecision.main(arguments());
    Decisions stored = stored(example.out());
    assertEquals(21, stored.inputs().size(), "three of four layers");
    assertEquals(
        2,
        stored.inputs().values().stream()
            .map(input -> input.quantization().orElseThrow().spec().format())
            .distinct()
            .count());
  }

  @Test
  void autoQuantize() {
    AutoQuantize.main(arguments());
    assertEquals(
        2,
        stored(example.out()).inputs().values().stream()
            .map(input -> input.quantization().orElseThrow().spec().format())
            .distinct()
            .count());
  }

  @Test
  void manyFormats() {
    ManyFormats.main(arguments());
    for (String name : List.of("FP8_DEFAULT", "INT8_SMOOTHQUANT", "INT4_AWQ")) {
      List<TensorInfo> tensors = SafetensorsCheckpoint.open(example.out().resolve(name)).tensors();
      assertTrue(tensors.stream().anyMatch(tensor -> tensor.name().endsWith("weight_scale")), name);
    }
  }

  @Test
  void manyTargets() {
    ManyTargets.main(arguments());
    assertEquals(28, stored(example.out().resolve("hf")).inputs().size());
    assertTrue(Files.exists(example.out().resolve("trtllm/rank1.safetensors")));
    assertTrue(Files.exists(example.out().resolve("model.gguf")));
  }

  @Test
  void withReport() throws IOException {
    WithReport.main(arguments());
    assertTrue(
        Files.readString(example.out().resolve("report/report.json"))
            .contains("model.layers.3.mlp.down_proj"));
  }

  @Test
  void reshard() {
    Reshard.main(new String[] {example.checkpoint().toString(), example.out().toString()});
    assertEquals(
        SafetensorsCheckpoint.open(example.checkpoint()).tensors(),
        SafetensorsCheckpoint.open(example.out()).tensors());
  }

  @Test
  void calibratorOfOnesOwn() {
    TypicalChannels.main(arguments());
    Path usual = directory.resolve("usual");
    TenLines.main(
        new String[] {
          example.checkpoint().toString(), example.data().toString(), usual.toString()
        });
    Decisions own = stored(example.out());
    Decisions other = stored(usual);
    boolean anySmaller = false;
    for (String name : own.inputs().keySet()) {
      float scale = scale(own, name);
      assertTrue(scale <= scale(other, name), "it only ever clips");
      anySmaller |= scale < scale(other, name);
    }
    assertTrue(anySmaller, "some input has outlying channels");
  }

  private static float scale(Decisions decisions, String name) {
    return decisions.inputQuantization(name).orElseThrow().scales().values().getFloat(0);
  }

  @Test
  void service() throws Exception {
    try (QuantizationService service = new QuantizationService(0);
        HttpClient client = HttpClient.newHttpClient()) {
      URI jobs = URI.create("http://localhost:" + service.port() + "/jobs");
      String request =
          "model=%s%ndata=%s%nout=%s%n"
              .formatted(example.checkpoint(), example.data(), example.out());
      HttpResponse<String> accepted =
          client.send(
              HttpRequest.newBuilder(jobs)
                  .POST(HttpRequest.BodyPublishers.ofString(request))
                  .build(),
              HttpResponse.BodyHandlers.ofString());
      assertEquals(202, accepted.statusCode());
      HttpRequest ask =
          HttpRequest.newBuilder(URI.create(jobs + "/" + accepted.body().strip())).build();
      String state;
      do {
        state = client.send(ask, HttpResponse.BodyHandlers.ofString()).body().strip();
        assertTrue(!state.startsWith("failed"), state);
        Thread.onSpinWait();
      } while (!state.startsWith("done"));
      assertEquals(28, stored(example.out()).inputs().size());
      HttpRequest missing = HttpRequest.newBuilder(URI.create(jobs + "/77")).build();
      assertEquals(404, client.send(missing, HttpResponse.BodyHandlers.ofString()).statusCode());
    }
  }
}
