package org.modelopt.models;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.ModelOpt;
import org.modelopt.compute.Precision;
import org.modelopt.config.Algorithm;
import org.modelopt.config.Config;
import org.modelopt.data.CalibrationData;
import org.modelopt.error.ConfigException;
import org.modelopt.error.DataException;
import org.modelopt.error.ModelOptException;
import org.modelopt.job.JobOptions;
import org.modelopt.models.pocket.PocketModel;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.report.LinearReport;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** Calibration split over runs that know nothing of each other. */
class StoredStatisticsTest {
  /** Decided from maxima, counts and magnitudes of weights alone. */
  private static final List<Config> EXACT =
      List.of(
          Config.FP8_DEFAULT.withKvCache(QuantSpec.FP8),
          Config.NVFP4_DEFAULT,
          Config.INT8_SMOOTHQUANT);

  private static final List<Config> SUMS =
      List.of(
          Config.INT4_AWQ,
          Config.MXFP4_DEFAULT
              .withName("TUNED")
              .withAlgorithm(new Algorithm.Tuned(0.25, true, true, 0.01, false, 0)),
          Config.INT8_DEFAULT.withName("ENTROPY").withAlgorithm(new Algorithm.Entropy()));

  private static final JobOptions OPTIONS = JobOptions.defaults().withThreads(2);

  @TempDir private Path temporary;
  private Path model;

  @BeforeEach
  void extractTheModel() {
    model = PocketModel.extract(temporary.resolve("pocket"));
  }

  private static CalibrationData samples(int from, int to) {
    return CalibrationData.of(
        IntStream.range(from, to)
            .mapToObj(s ->
                Tensor.ofInts(
                    Arena.ofAuto(),
                    Shape.of(64),
                    IntStream.range(0, 64).map(i -> (i * 7 + s * 13) % 200).toArray()))
            .toList());
  }

  private Path observe(String name, List<Config> configs, int from, int to, JobOptions options) {
    Path directory = temporary.resolve(name);
    try (HfModel opened = Models.load(model)) {
      ModelOpt.observe(opened, configs, samples(from, to), options, directory);
    }
    return directory;
  }

  private String decided(List<Config> configs, JobOptions options, Path... statistics) {
    return PocketJob.run(
        model, opened -> ModelOpt.quantize(opened, configs, List.of(statistics), options));
  }

  private String direct(List<Config> configs, int to) {
    return PocketJob.run(model, configs, samples(0, to), OPTIONS);
  }

  /** What sums of rounded numbers do not enter is the same however samples were split. */
  @Test
  void maximaOfTwoRunsGiveTheDecisionsOfOne() {
    Path first = observe("first", EXACT, 0, 2, OPTIONS);
    Path second = observe("second", EXACT, 2, 6, OPTIONS.withThreads(1));
    String one = withoutStatistics(direct(EXACT, 6));
    assertEquals(one, withoutStatistics(decided(EXACT, OPTIONS, first, second)));
    assertEquals(one, withoutStatistics(decided(EXACT, OPTIONS, second, first)));
    assertNotEquals(one, withoutStatistics(decided(EXACT, OPTIONS, first)));
  }

  /** The mean magnitude, in the description of what was seen, is a sum of rounded numbers. */
  private static String withoutStatistics(String described) {
    return described.replaceAll("(?m)^(\\S+ \\d+ \\S+) \\S+$", "$1");
  }

  @Test
  void oneRunsStatisticsGiveItsDecisionsWhateverTheAlgorithm() {
    Path all = observe("all", SUMS, 0, 4, OPTIONS);
    String direct = direct(SUMS, 4);
    assertEquals(direct, decided(SUMS, OPTIONS, all));
    Path job = temporary.resolve("job");
    assertEquals(direct, decided(SUMS, OPTIONS.withJobDirectory(job), all));
    assertEquals(direct, decided(SUMS, OPTIONS.withJobDirectory(job), all), "from the journal");
  }

  @Test
  void sumsDependOnTheOrderOfMergingAndNothingElse() {
    List<Config> configs = List.of(SUMS.getFirst(), SUMS.getLast());
    Path first = observe("first", configs, 0, 2, OPTIONS);
    Path second = observe("second", configs, 2, 4, OPTIONS);
    String merged = decided(configs, OPTIONS, first, second);
    assertEquals(merged, decided(configs, OPTIONS.withThreads(1), first, second));
    try (HfModel opened = Models.load(model)) {
      List<LinearReport> split =
          ModelOpt.quantize(opened, configs, List.of(first, second), OPTIONS).getFirst().reports();
      List<LinearReport> whole =
          ModelOpt.quantize(opened, configs, samples(0, 4), OPTIONS).getFirst().reports();
      for (int i = 0; i < whole.size(); i++) {
        assertEquals(whole.get(i).tokens(), split.get(i).tokens());
        double error = whole.get(i).outputError().orElseThrow();
        // Sums of float32 in another order: what is decided may tip, hardly more.
        assertEquals(error, split.get(i).outputError().orElseThrow(), 0.01 * error);
      }
    }
  }

  @Test
  void statisticsOfAnotherJobAreRefused() throws Exception {
    Path some = observe("some", EXACT.subList(0, 1), 0, 2, OPTIONS);
    assertRefused("of the same samples", EXACT, OPTIONS, some, some);
    assertRefused(
        "another precision (BFLOAT16)", EXACT, OPTIONS.withPrecision(Precision.FLOAT32), some);
    assertRefused("has no second moment of model.layers.0", SUMS.subList(0, 1), OPTIONS, some);
    assertRefused("no directory of statistics", EXACT, OPTIONS, temporary.resolve("none"));
    Path empty = Files.createDirectory(temporary.resolve("empty"));
    assertRefused("holds no statistics", EXACT, OPTIONS, empty);
    Path other = temporary.resolve("other");
    Checkpoints.write("pocket-moe", other);
    try (HfModel opened = Models.load(other)) {
      assertTrue(
          assertThrows(
                  DataException.class,
                  () -> ModelOpt.quantize(opened, EXACT, List.of(some), OPTIONS))
              .toString()
              .contains("statistics of another model"));
    }
    Files.delete(some.resolve("layer-00002.safetensors"));
    assertRefused("has no statistics of model.layers.2", EXACT.subList(0, 1), OPTIONS, some);
    ConfigException sequential =
        assertThrows(
            ConfigException.class, () -> observe("gptq", List.of(Config.INT4_GPTQ), 0, 1, OPTIONS));
    assertTrue(sequential.toString().contains("sequential: false"), sequential.toString());
  }

  private void assertRefused(
      String message, List<Config> configs, JobOptions options, Path... statistics) {
    ModelOptException refusal =
        assertThrows(DataException.class, () -> decided(configs, options, statistics));
    assertTrue(refusal.toString().contains(message), refusal.toString());
  }
}
