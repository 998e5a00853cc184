package org.modelopt.quantize;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.modelopt.compute.Workers;
import org.modelopt.error.DataException;
import org.modelopt.job.ExpertPolicy;
import org.modelopt.job.Fingerprint;
import org.modelopt.job.JobOptions;
import org.modelopt.model.Model;
import org.modelopt.safetensors.SafetensorsFile;
import org.modelopt.statistics.Seen;
import org.modelopt.statistics.StatisticsFile;

/**
 * Statistics in files that {@link Observation} wrote, of one run or of several that saw different
 * samples of the same model.
 *
 * <p>Several are merged in the order in which they are given. Maxima and counts do not depend on
 * it; means, second moments and histograms are sums of rounded numbers, and sampled rows are
 * thinned, so that these depend on how samples were split and on the order, and on nothing else.
 */
public final class StoredStatistics {
  static final String FORMAT = "modelopt-statistics-1";

  private final List<Path> directories;
  private final List<Map<String, String>> about;

  private StoredStatistics(List<Path> directories, List<Map<String, String>> about) {
    this.directories = directories;
    this.about = about;
  }

  /**
   * Opens statistics.
   *
   * @param directories at least one, in the order in which they are merged
   * @throws DataException if they are not complete, of another model, precision or policy for
   *     experts, or two are of the same samples
   */
  public static StoredStatistics open(List<Path> directories, Model model, JobOptions options) {
    if (directories.isEmpty()) {
      throw new IllegalArgumentException("no statistics are given");
    }
    Map<String, String> expected = new LinkedHashMap<>();
    expected.put("format", FORMAT);
    expected.put("model", Fingerprint.ofModel(model.tensors()));
    expected.put("precision", options.precisionFor(model).name());
    expected.put("experts", experts(options));
    List<Map<String, String>> about = new ArrayList<>();
    Map<String, Path> data = new HashMap<>();
    for (Path directory : directories) {
      Map<String, String> metadata = about(directory);
      expected.forEach((key, value) -> {
        if (!value.equals(metadata.get(key))) {
          throw new DataException(
              "%s: statistics of another %s (%s), not of this one (%s); gather them again, or give the job as it was"
                  .formatted(directory, key, metadata.get(key), value));
        }
      });
      Path other = data.putIfAbsent(metadata.getOrDefault("data", ""), directory);
      if (other != null) {
        throw new DataException(
            "%s and %s: statistics of the same samples, which would count twice; give one of them"
                .formatted(other, directory));
      }
      about.add(metadata);
    }
    return new StoredStatistics(List.copyOf(directories), about);
  }

  /** Which tokens experts see. */
  static String experts(JobOptions options) {
    return options.experts() == ExpertPolicy.ALL_TOKENS ? "all tokens" : "their own tokens";
  }

  static Path file(Path directory, int layer) {
    return directory.resolve("layer-%05d.safetensors".formatted(layer));
  }

  private static Map<String, String> about(Path directory) {
    if (!Files.isDirectory(directory)) {
      throw new DataException(
          directory + ": no directory of statistics; make one with the command calibrate");
    }
    try (Stream<Path> files = Files.list(directory)) {
      Path first =
          files
              .filter(file -> file.toString().endsWith(".safetensors"))
              .min(Path::compareTo)
              .orElseThrow(() ->
                  new DataException(
                      directory + ": holds no statistics; make them with the command calibrate"));
      return SafetensorsFile.open(first).metadata();
    } catch (IOException e) {
      throw new DataException(directory + ": cannot be read: " + e.getMessage(), e);
    }
  }

  /** Samples that were seen. */
  public long samples() {
    return about.stream().mapToLong(one -> Long.parseLong(one.getOrDefault("samples", "0"))).sum();
  }

  /** Where they came from, for messages and reports. */
  public String source() {
    return directories.stream().map(Path::toString).collect(Collectors.joining(", "));
  }

  /** What decides the result: the samples of each, in the order of merging. */
  String data() {
    return about.stream()
        .map(one -> one.getOrDefault("data", "") + " " + one.get("device"))
        .collect(Collectors.joining(","));
  }

  /** What all of them saw in a layer together, by site; to be closed. */
  Map<String, Seen> layer(int index, Workers workers) {
    Map<String, Seen> merged = new LinkedHashMap<>();
    for (Path directory : directories) {
      if (!Files.exists(file(directory, index))) {
        continue; // nothing was asked for in it; what is missing is noticed where it is needed
      }
      Map<String, Seen> more = StatisticsFile.read(SafetensorsFile.open(file(directory, index)));
      more.forEach(
          (site, seen) -> merged.merge(site, seen, (first, later) -> first.merged(later, workers)));
    }
    return merged;
  }
}
