package org.modelopt.export;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.modelopt.ModelOpt;
import org.modelopt.config.Config;
import org.modelopt.data.CalibrationData;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.export.verify.report.VerifyReport;
import org.modelopt.job.JobOptions;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.models.family.Families;
import org.modelopt.models.family.Family;
import org.modelopt.models.hf.HfConfig;
import org.modelopt.quantize.QuantizedModel;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** Each architecture is quantized, exported, and passes the check, values compared. */
class ArchitecturesTest {
  /** One directory with a config.json for each architecture and variant. */
  static final Path GOLDENS =
      Path.of("..", "modelopt-models/src/test/resources/org/modelopt/models/golden");

  private static final int TOKENS = 64;
  private static final int VOCABULARY = 320;

  static List<String> names() throws IOException {
    try (Stream<Path> files = Files.list(GOLDENS)) {
      return files
          .filter(Files::isDirectory)
          .map(Path::getFileName)
          .map(Path::toString)
          .filter(name -> !name.startsWith("pocket-"))
          .sorted()
          .toList();
    }
  }

  @Test
  void everyFamilyIsAmongThem() throws IOException {
    Set<String> found = new TreeSet<>();
    for (String name : names()) {
      found.add(Families.of(HfConfig.read(GOLDENS.resolve(name + "/config.json"))).modelType());
    }
    assertEquals(
        Families.all().stream()
            .map(Family::modelType)
            .collect(Collectors.toCollection(TreeSet::new)),
        found);
    assertEquals(20, names().size());
  }

  @ParameterizedTest
  @MethodSource("names")
  void isExportedInFp8AndNvfp4AndInt4(String name, @TempDir Path directory) throws IOException {
    Path original = Files.createDirectory(directory.resolve(name));
    RandomCheckpoint.write(GOLDENS.resolve(name + "/config.json"), original);
    try (HfModel model = Models.load(original)) {
      List<QuantizedModel> quantized =
          ModelOpt.quantize(
              model,
              List.of(Config.FP8_DEFAULT, Config.NVFP4_DEFAULT, Config.INT4_AWQ),
              rows(),
              JobOptions.defaults());
      for (QuantizedModel one : quantized) {
        VerifyReport report =
            Exports.huggingFace(one).to(directory.resolve(one.config().name())).report();
        assertTrue(report.passedFor(Consumer.TRTLLM_PYTORCH), report::toText);
        if (!one.config().equals(Config.INT4_AWQ)) {
          assertTrue(report.passedFor(Consumer.VLLM), report::toText);
          assertTrue(report.passedFor(Consumer.SGLANG), report::toText);
        }
        assertEquals(one.reports().size(), report.errors().size(), "weights compared");
      }
    }
  }

  private static CalibrationData rows() {
    Random random = new Random(5);
    return CalibrationData.of(
        Stream.generate(
                () -> {
                  int[] ids = random.ints(TOKENS, 0, VOCABULARY).toArray();
                  return Tensor.ofInts(Arena.ofAuto(), Shape.of(TOKENS), ids);
                })
            .limit(2)
            .toList());
  }
}
