package org.modelopt.export;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.modelopt.ModelOpt;
import org.modelopt.config.Config;
import org.modelopt.error.ConfigException;
import org.modelopt.job.JobOptions;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.models.pocket.PocketModel;
import org.modelopt.quantize.QuantizedModel;

/** Converting decides what quantizing does, and takes no figures. */
class DataFreeFormatTest {
  @TempDir private static Path directory;

  @BeforeAll
  static void extractTheModel() {
    PocketModel.extract(directory.resolve("pocket"));
  }

  static Stream<Config> configs() {
    return DataFreeFormat.all().stream()
        .filter(format -> !format.name().equals("mxfp4-experts"))
        .flatMap(format -> format.config().stream());
  }

  @ParameterizedTest
  @MethodSource("configs")
  void theSameIsDecidedWithoutAReport(Config config) {
    try (HfModel model = Models.load(directory.resolve("pocket"))) {
      QuantizedModel converted = ModelOpt.convert(model, config, JobOptions.defaults());
      QuantizedModel quantized = ModelOpt.quantize(model, config);
      assertFalse(quantized.decisions().weights().isEmpty());
      assertEquals(quantized.decisions().weights(), converted.decisions().weights());
      assertEquals(
          quantized.decisions().inputs().keySet(), converted.decisions().inputs().keySet());
      assertTrue(converted.reports().isEmpty(), "weights were measured");
    }
  }

  @Test
  void aConfigThatNeedsDataIsRefused() {
    try (HfModel model = Models.load(directory.resolve("pocket"))) {
      ConfigException e =
          assertThrows(
              ConfigException.class,
              () -> ModelOpt.convert(model, Config.FP8_DEFAULT, JobOptions.defaults()));
      assertTrue(e.getMessage().contains("needs calibration data"), e.getMessage());
    }
  }
}
