package org.modelopt.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.error.ModelOptException;

class ReportFilesTest {
  private static final Report REPORT =
      new Report(
          "tiny",
          "FP8_DEFAULT",
          new Report.Size(2000, 1100, 8.0),
          List.of(
              new Report.Linear(
                  "model.layers.0.mlp.down_proj",
                  "E4M3",
                  Optional.of("E4M3"),
                  OptionalDouble.of(7e-4),
                  OptionalDouble.empty(),
                  OptionalDouble.of(31.5),
                  OptionalDouble.of(0),
                  OptionalDouble.of(0.01),
                  512,
                  Optional.empty())),
          List.of(
              new Report.Activation("model.layers.0.mlp.down_proj", 512, 12.5, 1.5, List.of(3))),
          List.of(new Report.Experts("model.layers.0", List.of(12L, 0L))),
          List.of(new Report.Evaluation("Perplexity", OptionalDouble.of(32.4), 32.6, true)),
          List.of(new Report.Phase("calibrate", 1.5, Optional.of(100_000_000L))),
          List.of("</script><script>alert(1)</script>"),
          Map.of("version", "1.2.3"));

  @TempDir private Path directory;

  @Test
  void whatIsWrittenReadsBackEqual() {
    ReportFiles.write(REPORT, directory.resolve("new"));
    assertEquals(REPORT, ReportFiles.read(directory.resolve("new")));
    assertEquals(REPORT, ReportFiles.read(directory.resolve("new/report.json")));
  }

  @Test
  void whatWasNotMeasuredIsAbsentAndNamesHaveUnderscores() {
    String json = ReportFiles.json(REPORT);
    assertFalse(json.contains("output_error"), json);
    assertTrue(json.contains("\"weight_error\" : 7.0E-4"), json);
    assertTrue(json.contains("\"damping\" : 0.01"), json);
  }

  @Test
  void thePageNeedsNoNetworkAndTextCannotBreakOut() {
    String page = ReportFiles.html(List.of(REPORT, REPORT));
    assertFalse(page.replace("http://www.w3.org/2000/svg", "").contains("://"), "links");
    assertFalse(page.contains("src="), "no other file");
    assertEquals(2, page.split("</script>", -1).length - 1, "only its own scripts end");
    assertThrows(IllegalArgumentException.class, () -> ReportFiles.html(List.of()));
  }

  @Test
  void filesThatAreNoReportsAreRefusedByName() throws IOException {
    Path file = directory.resolve("report.json");
    ModelOptException missing =
        assertThrows(ModelOptException.class, () -> ReportFiles.read(directory));
    assertTrue(missing.getMessage().contains("does not exist"), missing.getMessage());
    Files.writeString(file, "{\"model\": 3, \"linears\": {}}");
    ModelOptException wrong =
        assertThrows(ModelOptException.class, () -> ReportFiles.read(directory));
    assertTrue(wrong.getMessage().contains(file + " is no report"), wrong.getMessage());
  }
}
