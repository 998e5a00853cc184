package org.modelopt.models.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.compute.Precision;
import org.modelopt.job.JobOptions;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.models.pocket.PocketModel;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class CompletionServerTest {
  private static final JsonMapper MAPPER = JsonMapper.builder().build();

  @TempDir private static Path directory;
  private static HfModel model;
  private static CompletionServer server;
  private static HttpClient client;

  @BeforeAll
  static void start() {
    model = Models.load(PocketModel.extract(directory));
    server =
        new CompletionServer(
            model,
            JobOptions.defaults().withPrecision(Precision.FLOAT32),
            new CompletionServer.Limits(0, 128, 64, 60_000));
    client = HttpClient.newHttpClient();
  }

  @AfterAll
  static void stop() {
    client.close();
    server.close();
    model.close();
  }

  private static HttpRequest.Builder request(String path) {
    return HttpRequest.newBuilder(
        URI.create("http://127.0.0.1:%d/v1/%s".formatted(server.port(), path)));
  }

  private static HttpResponse<String> post(String path, String body) throws Exception {
    return client.send(
        request(path).POST(BodyPublishers.ofString(body)).build(), BodyHandlers.ofString());
  }

  private static JsonNode completion(String body) throws Exception {
    HttpResponse<String> response = post("completions", body);
    assertEquals(200, response.statusCode(), response.body());
    return MAPPER.readTree(response.body());
  }

  @Test
  void aPromptIsContinuedWithProbabilities() throws Exception {
    JsonNode answer =
        completion(
            "{\"prompt\": \"It was a\", \"max_tokens\": 5, \"temperature\": 0, \"logprobs\": 3}");
    JsonNode choice = answer.path("choices").get(0);
    JsonNode logprobs = choice.path("logprobs");
    assertEquals(5, logprobs.path("tokens").size());
    assertEquals(3, logprobs.path("top_logprobs").get(0).size());
    assertTrue(logprobs.path("token_logprobs").get(0).doubleValue() < 0);
    assertEquals("length", choice.path("finish_reason").stringValue());
    assertEquals(5, answer.path("usage").path("completion_tokens").intValue());
    StringBuilder text = new StringBuilder();
    logprobs.path("tokens").forEach(token -> text.append(token.stringValue()));
    assertEquals(text.toString(), choice.path("text").stringValue());
  }

  @Test
  void anEchoedPromptHasAProbabilityForAllButItsFirstToken() throws Exception {
    JsonNode answer =
        completion(
            "{\"prompt\": [[5, 17, 200, 31], [9, 8]], \"max_tokens\": 1, \"temperature\": 0,"
                + " \"logprobs\": 1, \"echo\": true}");
    JsonNode first = answer.path("choices").get(0).path("logprobs").path("token_logprobs");
    assertEquals(5, first.size());
    assertTrue(first.get(0).isNull());
    assertEquals(3, answer.path("choices").get(1).path("logprobs").path("top_logprobs").size());
  }

  @Test
  void manyClientsGetTheSameAnswer() {
    HttpRequest request =
        request("completions")
            .POST(
                BodyPublishers.ofString(
                    "{\"prompt\": \"He\", \"max_tokens\": 4, \"temperature\": 0}"))
            .build();
    List<CompletableFuture<HttpResponse<String>>> answers =
        IntStream.range(0, 50)
            .mapToObj(i -> client.sendAsync(request, BodyHandlers.ofString()))
            .toList();
    List<String> texts =
        answers.stream()
            .map(CompletableFuture::join)
            .map(response -> MAPPER.readTree(response.body()))
            .map(node -> node.path("choices").get(0).path("text").stringValue())
            .distinct()
            .toList();
    assertEquals(1, texts.size());
  }

  @Test
  void badRequestsAreRefusedWithAReason() throws Exception {
    assertRefused(400, post("completions", "{"));
    assertRefused(400, post("completions", "[]"));
    assertRefused(400, post("completions", "{\"prompt\": 3}"));
    assertRefused(400, post("completions", "{\"prompt\": \"x\", \"max_tokens\": -1}"));
    assertRefused(400, post("completions", "{\"prompt\": \"x\", \"temperature\": \"hot\"}"));
    assertRefused(400, post("completions", "{\"prompt\": \"x\", \"stream\": true}"));
    assertRefused(400, post("completions", "{\"prompt\": [99999]}"));
    assertRefused(400, post("completions", "{\"prompt\": \"%s\"}".formatted("word ".repeat(500))));
    assertRefused(400, post("chat/completions", "{\"messages\": []}"));
    assertRefused(413, post("completions", " ".repeat((8 << 20) + 1)));
    assertRefused(404, post("embeddings", "{}"));
    assertRefused(405, client.send(request("completions").GET().build(), BodyHandlers.ofString()));
    HttpResponse<String> models =
        client.send(request("models").GET().build(), BodyHandlers.ofString());
    assertEquals(
        model.name(), MAPPER.readTree(models.body()).path("data").get(0).path("id").stringValue());
  }

  @Test
  void anotherModelIsNotFound() throws Exception {
    String body = "{\"model\": \"%s\", \"prompt\": \"It\", \"max_tokens\": 1}";
    assertEquals(200, post("completions", body.formatted(model.name())).statusCode());
    for (String path : List.of("completions", "chat/completions")) {
      HttpResponse<String> response = post(path, body.formatted("gpt-4o"));
      assertRefused(404, response);
      JsonNode error = MAPPER.readTree(response.body()).path("error");
      assertEquals("model_not_found", error.path("code").stringValue());
      assertEquals("invalid_request_error", error.path("type").stringValue());
      assertTrue(error.path("message").stringValue().contains(model.name()), response.body());
    }
    assertRefused(400, post("completions", "{\"model\": 3, \"prompt\": \"It\"}"));
  }

  @Test
  void messagesDoNotSayWhereTheModelIs() throws Exception {
    // The pocket model has no chat template.
    HttpResponse<String> response =
        post("chat/completions", "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}]}");
    assertRefused(400, response);
    assertTrue(response.body().contains("chat template"), response.body());
    assertFalse(response.body().contains(directory.getParent().toString()), response.body());
  }

  private static void assertRefused(int status, HttpResponse<String> response) {
    assertEquals(status, response.statusCode(), response.body());
    assertTrue(
        MAPPER.readTree(response.body()).path("error").path("message").stringValue().length() > 5,
        response.body());
  }
}
