package org.modelopt.models.server;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.modelopt.compute.Backend;
import org.modelopt.error.DeviceException;
import org.modelopt.error.ModelOptException;
import org.modelopt.job.JobOptions;
import org.modelopt.job.Pass;
import org.modelopt.job.Session;
import org.modelopt.models.HfModel;
import org.modelopt.models.generation.Generation;
import org.modelopt.models.generation.TextGenerator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.node.ObjectNode;

/**
 * Completions over HTTP on the loopback address: {@code GET /v1/models}, {@code POST
 * /v1/completions} (texts or token ids, echo, log-probabilities) and {@code POST
 * /v1/chat/completions}. Requests run one after the other.
 */
public final class CompletionServer implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(CompletionServer.class);
  private static final int MOST_BODY_BYTES = 8 << 20;

  private final HfModel model;
  private final Set<Integer> endTokens;
  private final Backend backend;
  private final Session session;
  private final TextGenerator generator;
  private final CompletionJson json;
  private final WorkQueue queue;
  private final HttpServer http;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final AtomicLong number = new AtomicLong();

  /**
   * Limits of a server.
   *
   * @param port to listen on; 0 for any free one
   * @param maxLength tokens of prompt and completion together
   * @param waiting requests that may wait while one runs
   * @param timeoutMillis time for a request, waiting included
   */
  public record Limits(int port, int maxLength, int waiting, long timeoutMillis) {
    /** Checks the ranges. */
    public Limits {
      require(port >= 0 && port <= 65535, "the port must be 0 to 65535", port);
      require(maxLength >= 2, "the length must be at least 2 tokens", maxLength);
      require(waiting >= 1, "at least 1 request must be allowed to wait", waiting);
      require(timeoutMillis >= 1, "the timeout must be at least 1 ms", timeoutMillis);
    }

    private static void require(boolean kept, String rule, long value) {
      if (!kept) {
        throw new IllegalArgumentException(rule + ", not " + value);
      }
    }
  }

  /**
   * Loads {@code model} and listens.
   *
   * @throws DeviceException if the port is taken or the model does not fit the device
   */
  public CompletionServer(HfModel model, JobOptions options, Limits limits) {
    this.model = model;
    this.endTokens = TextGenerator.endTokens(model);
    this.json = new CompletionJson(model.tokenizer());
    this.http = listen(limits.port());
    this.backend = options.openBackend();
    this.session = Session.open(model, Pass.of(model, backend, options));
    this.generator = new TextGenerator(session, model.tokenizer(), limits.maxLength());
    this.queue = new WorkQueue(limits.waiting(), limits.timeoutMillis());
    http.setExecutor(threads);
    http.createContext("/", this::handle);
    http.start();
  }

  private static HttpServer listen(int port) {
    try {
      return HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
    } catch (IOException e) {
      throw new DeviceException(
          "port %d of the loopback address cannot be had (%s); choose another or 0"
              .formatted(port, e.getMessage()),
          e);
    }
  }

  /** The port it listens on. */
  public int port() {
    return http.getAddress().getPort();
  }

  private void handle(HttpExchange exchange) {
    try (exchange) {
      ObjectNode answer;
      int status = 200;
      try {
        answer = answer(exchange);
      } catch (RequestException e) {
        status = e.status();
        answer = CompletionJson.error(e.type(), e.code(), String.valueOf(e.getMessage()));
      } catch (ModelOptException | IllegalArgumentException e) {
        status = 400;
        answer = CompletionJson.error("invalid_request_error", Optional.empty(), publicMessage(e));
      } catch (RuntimeException e) {
        LOG.error("{} {} failed", exchange.getRequestMethod(), exchange.getRequestURI(), e);
        status = 500;
        answer =
            CompletionJson.error(
                "server_error", Optional.empty(), "the server failed; its log says why");
      }
      byte[] body = answer.toString().getBytes(java.nio.charset.StandardCharsets.UTF_8);
      exchange.getResponseHeaders().set("Content-Type", "application/json; charset=utf-8");
      if (status == 503) {
        exchange.getResponseHeaders().set("Retry-After", "1");
      }
      exchange.sendResponseHeaders(status, body.length);
      try (OutputStream out = exchange.getResponseBody()) {
        out.write(body);
      }
    } catch (IOException e) {
      LOG.debug("a client went away: {}", e.toString());
    }
  }

  /**
   * A message without the place of the model: clients have no business with the server's folders.
   */
  private String publicMessage(RuntimeException e) {
    String message = String.valueOf(e.getMessage());
    Path directory = model.directory();
    message = message.replace(directory.toAbsolutePath().normalize().toString(), model.name());
    // A single name is the model's, or stands for the working directory.
    return directory.getNameCount() > 1
        ? message.replace(directory.toString(), model.name())
        : message;
  }

  private ObjectNode answer(HttpExchange exchange) throws IOException {
    String path = exchange.getRequestURI().getPath();
    return switch (path) {
      case "/v1/models" -> {
        require(exchange, "GET");
        yield models();
      }
      case "/v1/completions" -> {
        require(exchange, "POST");
        CompletionRequest request =
            CompletionRequest.completion(
                body(exchange), model.name(), model.tokenizer(), endTokens);
        yield queue.run(cancelled -> completions(request, cancelled));
      }
      case "/v1/chat/completions" -> {
        require(exchange, "POST");
        CompletionRequest request =
            CompletionRequest.chat(body(exchange), model.name(), model.tokenizer(), endTokens);
        yield queue.run(cancelled -> chat(request, cancelled));
      }
      default ->
          throw new RequestException(
              404,
              "invalid_request_error",
              path
                  + " is not served; there are /v1/models, /v1/completions and"
                  + " /v1/chat/completions");
    };
  }

  private static void require(HttpExchange exchange, String method) {
    if (!exchange.getRequestMethod().equals(method)) {
      throw new RequestException(
          405,
          "invalid_request_error",
          "%s takes %s, not %s"
              .formatted(exchange.getRequestURI().getPath(), method, exchange.getRequestMethod()));
    }
  }

  private static byte[] body(HttpExchange exchange) throws IOException {
    try (InputStream in = exchange.getRequestBody()) {
      byte[] body = in.readNBytes(MOST_BODY_BYTES + 1);
      if (body.length > MOST_BODY_BYTES) {
        throw new RequestException(
            413,
            "invalid_request_error",
            "the body has more than %,d bytes".formatted(MOST_BODY_BYTES));
      }
      return body;
    }
  }

  private ObjectNode models() {
    ObjectNode answer = CompletionJson.object();
    answer.put("object", "list");
    answer
        .putArray("data")
        .addObject()
        .put("id", model.name())
        .put("object", "model")
        .put("created", 0)
        .put("owned_by", "modelopt");
    return answer;
  }

  private ObjectNode completions(CompletionRequest request, BooleanSupplier cancelled) {
    ObjectNode answer = begin("cmpl-", "text_completion");
    var choices = answer.putArray("choices");
    long prompted = 0;
    long completed = 0;
    for (int[] prompt : request.prompts()) {
      ObjectNode choice;
      Generation generation;
      int top = Math.max(0, request.logprobs());
      if (request.echo()) {
        TextGenerator.Echo echo =
            generator.scoreAndGenerate(prompt, request.options(), top, cancelled);
        generation = echo.continuation();
        choice = json.choice(choices.size(), prompt, echo.prompt(), generation, request.logprobs());
      } else {
        generation = generator.generate(prompt, request.options(), top, cancelled);
        choice = json.choice(choices.size(), new int[0], List.of(), generation, request.logprobs());
      }
      choices.add(choice);
      prompted += prompt.length;
      completed += generation.tokens().size();
    }
    CompletionJson.usage(answer, prompted, completed);
    return answer;
  }

  private ObjectNode chat(CompletionRequest request, BooleanSupplier cancelled) {
    int[] prompt = request.prompts().getFirst();
    int top = Math.max(0, request.logprobs());
    Generation generation = generator.generate(prompt, request.options(), top, cancelled);
    ObjectNode answer = begin("chatcmpl-", "chat.completion");
    answer.putArray("choices").add(json.chatChoice(generation, request.logprobs()));
    CompletionJson.usage(answer, prompt.length, generation.tokens().size());
    return answer;
  }

  private ObjectNode begin(String prefix, String kind) {
    return CompletionJson.answer(
        prefix + number.incrementAndGet(), kind, model.name(), Instant.now().getEpochSecond());
  }

  /** Stops listening, waits for the request that runs and gives the device back. */
  @Override
  public void close() {
    http.stop(0);
    queue.close();
    threads.shutdownNow();
    session.close();
    backend.close();
  }
}
