package org.modelopt.examples.service;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import org.modelopt.ModelOpt;
import org.modelopt.config.Config;
import org.modelopt.data.CalibrationData;
import org.modelopt.error.ModelOptException;
import org.modelopt.export.Exports;
import org.modelopt.job.JobOptions;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.quantize.QuantizedModel;

/**
 * Quantization as a service, with nothing but the JDK's HTTP server: {@code POST /jobs} with the
 * lines {@code model=…}, {@code config=…}, {@code data=…} and {@code out=…} answers with a number;
 * {@code GET /jobs/NUMBER} says how far the job is. Jobs run one after the other.
 */
public final class QuantizationService implements AutoCloseable {
  private final HttpServer server;
  private final ExecutorService worker = Executors.newSingleThreadExecutor();
  private final AtomicInteger last = new AtomicInteger();
  private final Map<Integer, String> states = new ConcurrentHashMap<>();

  /** Listens on the loopback address. */
  public QuantizationService(int port) throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
    server.createContext("/jobs", this::handle);
    server.start();
  }

  /** Serves on port {@code args[0]} until the process ends. */
  public static void main(String[] args) throws IOException {
    QuantizationService service = new QuantizationService(Integer.parseInt(args[0]));
    System.out.println("listening on http://localhost:" + service.port() + "/jobs");
  }

  /** The port it listens on. */
  public int port() {
    return server.getAddress().getPort();
  }

  private void handle(HttpExchange exchange) throws IOException {
    switch (exchange.getRequestMethod()) {
      case "POST" -> {
        Properties request = new Properties();
        request.load(exchange.getRequestBody());
        int job = last.incrementAndGet();
        states.put(job, "waiting");
        worker.execute(() -> run(job, request));
        answer(exchange, 202, Integer.toString(job));
      }
      case "GET" -> {
        String state = states.get(number(exchange.getRequestURI().getPath()));
        answer(exchange, state == null ? 404 : 200, state == null ? "no such job" : state);
      }
      default -> answer(exchange, 405, "POST or GET");
    }
  }

  private static int number(String path) {
    String digits = path.replaceFirst("^/jobs/?", "");
    return digits.matches("\\d{1,9}") ? Integer.parseInt(digits) : -1;
  }

  private void run(int job, Properties request) {
    JobOptions options =
        JobOptions.defaults()
            .withProgress(progress ->
                states.put(
                    job,
                    "%s %d of %d %s"
                        .formatted(
                            progress.phase(), progress.done(), progress.total(), progress.unit())));
    try (HfModel model = Models.load(path(request, "model"))) {
      Config config = Config.preset(request.getProperty("config", Config.FP8_DEFAULT.name()));
      CalibrationData data = CalibrationData.file(path(request, "data"));
      QuantizedModel quantized = ModelOpt.quantize(model, config, data, options);
      Path out = path(request, "out");
      Exports.huggingFace(quantized).with(options).to(out);
      states.put(job, "done: " + out);
    } catch (ModelOptException | IllegalArgumentException e) {
      states.put(job, "failed: " + e.getMessage());
    }
  }

  private static Path path(Properties request, String key) {
    String value = request.getProperty(key);
    if (value == null) {
      throw new IllegalArgumentException("the request lacks the line " + key + "=…");
    }
    return Path.of(value);
  }

  private static void answer(HttpExchange exchange, int status, String text) throws IOException {
    byte[] body = (text + "\n").getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(status, body.length);
    exchange.getResponseBody().write(body);
    exchange.close();
  }

  @Override
  public void close() {
    server.stop(0);
    worker.shutdownNow();
  }
}
