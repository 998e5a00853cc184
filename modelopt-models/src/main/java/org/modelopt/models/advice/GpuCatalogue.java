package org.modelopt.models.advice;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Collectors;
import org.modelopt.error.ConfigException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The accelerators that advice knows, from the resource {@code gpus.json}. */
public final class GpuCatalogue {
  private static final double GIGA = 1e9;
  private static final double TERA = 1e12;
  private static final List<Gpu> ALL = read();

  private GpuCatalogue() {}

  /** All of them, in the order of the resource. */
  public static List<Gpu> all() {
    return ALL;
  }

  /**
   * The one called {@code name}; case, spaces and hyphens do not matter.
   *
   * @throws ConfigException if there is none; the message lists them
   */
  public static Gpu find(String name) {
    return ALL.stream()
        .filter(gpu -> plain(gpu.name()).equals(plain(name)))
        .findFirst()
        .orElseThrow(() ->
            new ConfigException(
                "no GPU called %s is known; known are %s"
                    .formatted(
                        name, ALL.stream().map(Gpu::name).collect(Collectors.joining(", ")))));
  }

  private static String plain(String name) {
    return name.toLowerCase(Locale.ROOT).replaceAll("[\\s_-]", "");
  }

  private static List<Gpu> read() {
    try (InputStream stream = GpuCatalogue.class.getResourceAsStream("gpus.json")) {
      JsonNode root = JsonMapper.shared().readTree(Objects.requireNonNull(stream, "gpus.json"));
      return root.path("gpus").valueStream().map(GpuCatalogue::gpu).toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Gpu gpu(JsonNode node) {
    Map<String, Double> rates = new LinkedHashMap<>();
    node.required("teraflops")
        .properties()
        .forEach(entry -> rates.put(entry.getKey(), entry.getValue().asDouble() * TERA));
    return new Gpu(
        node.required("name").asString(),
        node.required("architecture").asString(),
        node.required("memory_gb").asDouble() * GIGA,
        node.required("bandwidth_gb_per_s").asDouble() * GIGA,
        rates,
        node.required("source").asString(),
        Optional.of(node.path("price")).filter(JsonNode::isObject).map(GpuCatalogue::price));
  }

  private static Gpu.Price price(JsonNode node) {
    return new Gpu.Price(
        node.required("dollars_per_hour").asDouble(),
        node.required("date").asString(),
        node.required("source").asString());
  }
}
