package org.modelopt.models.advice;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.modelopt.config.Config;
import org.modelopt.config.Plan;
import org.modelopt.config.Plan.PlannedLinear;
import org.modelopt.model.CacheSite;
import org.modelopt.model.Layer;
import org.modelopt.model.Linear;
import org.modelopt.models.decoder.DecoderLayers;
import org.modelopt.models.family.Families;
import org.modelopt.models.hf.HfConfig;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.ScaleFormat;
import org.modelopt.tensor.Shape;

/**
 * The modules of a model without its weights, from its {@code config.json}.
 *
 * @param name the directory's name
 * @param parameters number of parameters, experts included
 * @param linears all linears in order of execution
 * @param caches what attention keeps per token
 * @param experts experts of a layer; 1 for a dense model
 * @param expertsPerToken how many of them a token goes through
 */
public record Blueprint(
    String name,
    long parameters,
    List<Linear> linears,
    List<CacheSite> caches,
    int experts,
    int expertsPerToken) {
  /** Copies the lists. */
  public Blueprint {
    linears = List.copyOf(linears);
    caches = List.copyOf(caches);
  }

  /**
   * Reads {@code config.json}.
   *
   * @param path the file, or the directory it is in
   * @throws org.modelopt.error.CheckpointException if it is missing or of no known architecture
   */
  public static Blueprint read(Path path) {
    Path file = Files.isDirectory(path) ? path.resolve("config.json") : path;
    HfConfig config = HfConfig.read(file);
    DecoderLayers layers = DecoderLayers.of(Families.of(config).read(config));
    Path directory = file.toAbsolutePath().normalize().getParent();
    Optional<Path> folder = Optional.ofNullable(directory).map(Path::getFileName);
    return new Blueprint(
        folder.map(Path::toString).orElse("model"),
        layers.tensorShapes().values().stream().mapToLong(Shape::elements).sum(),
        layers.layers().stream()
            .flatMap(layer -> layer.inputGroups().stream())
            .flatMap(group -> group.linears().stream())
            .toList(),
        layers.layers().stream().map(Layer::cacheSites).flatMap(List::stream).toList(),
        first(config, "num_local_experts", "num_experts", "n_routed_experts"),
        first(config, "num_experts_per_tok", "num_experts_per_token"));
  }

  private static int first(HfConfig config, String... fields) {
    return Stream.of(fields)
        .map(config::findCount)
        .filter(found -> found.isPresent() && found.getAsInt() > 0)
        .mapToInt(found -> found.getAsInt())
        .findFirst()
        .orElse(1);
  }

  /** Elements of keys and values that one token adds to the cache, over all layers. */
  public long cacheElementsPerToken() {
    return caches.stream().mapToLong(CacheSite::channels).sum();
  }

  /** Bytes of all weights in bfloat16. */
  public double bytes() {
    return 2.0 * parameters;
  }

  /** Parameters that a token is multiplied with: linears, of the experts those that it meets. */
  public double multipliedParameters() {
    double share = (double) expertsPerToken / experts;
    return linears.stream()
        .mapToDouble(linear -> linear.elements() * (isExpert(linear) ? share : 1))
        .sum();
  }

  /**
   * What {@code config} makes of the weights.
   *
   * @throws org.modelopt.error.ConfigException if it does not fit the model
   */
  Footprint footprint(Config config) {
    double quantizedBytes = 0;
    double expertBytes = 0;
    long quantized = 0;
    for (PlannedLinear planned : Plan.of(name, linears, caches, config).linears()) {
      Linear linear = planned.linear();
      double bytes =
          planned.weight().map(spec -> storedBytes(spec, linear)).orElse(2.0 * linear.elements());
      if (planned.weight().isPresent()) {
        quantized += linear.elements();
        quantizedBytes += bytes;
      }
      if (isExpert(linear)) {
        expertBytes += bytes;
      }
    }
    return new Footprint(quantizedBytes + 2.0 * (parameters - quantized), expertBytes);
  }

  /** The weights as they are, in bfloat16. */
  Footprint unchanged() {
    return new Footprint(
        bytes(),
        linears.stream().filter(Blueprint::isExpert).mapToDouble(l -> 2.0 * l.elements()).sum());
  }

  /** Exports store float32 scales of blocks in two bytes. */
  private static double storedBytes(QuantSpec spec, Linear linear) {
    QuantSpec stored =
        spec.scaleFormat() == ScaleFormat.F32 ? spec.withScaleFormat(ScaleFormat.BF16) : spec;
    return linear.elements() * stored.bitsPerElement(linear.inFeatures()) / 8;
  }

  private static boolean isExpert(Linear linear) {
    return linear.name().contains(".experts.");
  }

  /**
   * Bytes of weights.
   *
   * @param bytes all
   * @param expertBytes those of experts, of which a step reads only the ones that it needs
   */
  record Footprint(double bytes, double expertBytes) {
    /** Bytes that a decoding step of {@code batch} tokens is expected to read. */
    double read(int batch, int experts, int expertsPerToken) {
      double missed = Math.pow(1 - (double) expertsPerToken / experts, batch);
      return bytes - expertBytes * missed;
    }
  }
}
