package org.modelopt.models.family;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.error.CheckpointException;
import org.modelopt.models.decoder.RotaryScaling;
import org.modelopt.models.decoder.RotarySpec;
import org.modelopt.models.hf.HfConfig;

/** The rotary embedding is found in either style of config.json. */
class RotaryFieldsTest {
  @TempDir Path directory;

  private RotarySpec read(String fields) throws IOException {
    Path file = Files.writeString(directory.resolve("config.json"), "{" + fields + "}");
    return RotaryFields.read(HfConfig.read(file), 16, 10_000);
  }

  private void assertComplains(String fields, String... parts) {
    String message = assertThrows(CheckpointException.class, () -> read(fields)).getMessage();
    for (String part : parts) {
      assertTrue(message.contains(part), "\"%s\" lacks \"%s\"".formatted(message, part));
    }
  }

  @Test
  void nothingSaidMeansTheDefault() throws IOException {
    assertEquals(new RotarySpec(16, 10_000, new RotaryScaling.None()), read(""));
    assertEquals(
        new RotarySpec(16, 5e5, new RotaryScaling.None()),
        read("\"rope_theta\": 500000, \"rope_scaling\": null"));
  }

  @Test
  void bothStylesMeanTheSame() throws IOException {
    RotarySpec expected = new RotarySpec(16, 5e5, new RotaryScaling.Llama3(8, 1, 4, 8192));
    String fields =
        "\"factor\": 8.0, \"low_freq_factor\": 1.0, \"high_freq_factor\": 4.0,"
            + " \"original_max_position_embeddings\": 8192";
    assertEquals(
        expected,
        read("\"rope_theta\": 5e5, \"rope_scaling\": {\"rope_type\": \"llama3\", " + fields + "}"));
    assertEquals(
        expected,
        read("\"rope_theta\": 5e5, \"rope_scaling\": {\"type\": \"llama3\", " + fields + "}"));
    assertEquals(
        expected,
        read(
            "\"rope_parameters\": {\"rope_theta\": 5e5, \"rope_type\": \"llama3\", "
                + fields
                + "}"));
  }

  @Test
  void linearAndDynamicAreRead() throws IOException {
    assertEquals(
        new RotaryScaling.Linear(2),
        read("\"rope_scaling\": {\"type\": \"linear\", \"factor\": 2}").scaling());
    assertEquals(
        new RotaryScaling.Dynamic(4, 512),
        read("\"max_position_embeddings\": 512,"
                + " \"rope_scaling\": {\"type\": \"dynamic\", \"factor\": 4}")
            .scaling());
  }

  @Test
  void yarnRecommendsItsAttentionFactor() throws IOException {
    String yarn =
        "\"rope_scaling\": {\"type\": \"yarn\", \"factor\": 4,"
            + " \"original_max_position_embeddings\": 64";
    assertEquals(1.138629436111989, read(yarn + "}").scaling().attentionFactor(), 1e-15);
    assertEquals(
        1.25, read(yarn + ", \"attention_factor\": 1.25}").scaling().attentionFactor(), 1e-15);
    assertEquals(
        1.0857263992561355,
        read("\"rope_scaling\": {\"type\": \"yarn\", \"factor\": 40, \"mscale\": 1.0,"
                + " \"mscale_all_dim\": 0.707, \"original_max_position_embeddings\": 4096}")
            .scaling()
            .attentionFactor(),
        1e-15);
    assertEquals(
        new RotaryScaling.Yarn(2, 512, 16, 2, false, 1),
        read("\"max_position_embeddings\": 512, \"rope_scaling\": {\"type\": \"yarn\","
                + " \"factor\": 2, \"beta_fast\": 16, \"beta_slow\": 2, \"truncate\": false,"
                + " \"attention_factor\": 1.0}")
            .scaling());
  }

  @Test
  void longRopeTakesItsRatioFromPositionsWhereNoFactorIsGiven() throws IOException {
    String factors =
        "\"short_factor\": [1, 1, 1, 1, 1, 1, 1, 1], \"long_factor\": [2, 2, 2, 2, 2, 2, 2, 2]";
    RotaryScaling scaling =
        read("\"max_position_embeddings\": 512, \"original_max_position_embeddings\": 64,"
                + " \"rope_scaling\": {\"type\": \"su\", "
                + factors
                + "}")
            .scaling();
    assertEquals(1.224744871391589, scaling.attentionFactor(), 1e-15);
    assertTrue(scaling instanceof RotaryScaling.LongRope);
  }

  @Test
  void onlyAPartOfAHeadMayBeRotated() throws IOException {
    assertEquals(8, read("\"partial_rotary_factor\": 0.5").dims());
    assertEquals(8, read("\"rope_parameters\": {\"partial_rotary_factor\": 0.5}").dims());
    assertComplains("\"partial_rotary_factor\": 0.2", "\"partial_rotary_factor\"", "even");
  }

  @Test
  void whatIsMissingOrUnknownIsNamed() {
    assertComplains(
        "\"rope_scaling\": {\"rope_type\": \"spiral\"}",
        "\"rope_scaling.rope_type\" is \"spiral\"",
        "llama3");
    assertComplains(
        "\"rope_scaling\": {\"type\": \"linear\"}", "\"rope_scaling.factor\"", "missing");
    assertComplains("\"rope_scaling\": {\"type\": \"linear\", \"factor\": 0.5}", "not below 1");
    assertComplains(
        "\"rope_parameters\": {\"rope_type\": \"llama3\", \"factor\": 8}",
        "\"rope_parameters.low_freq_factor\"");
    assertComplains(
        "\"rope_scaling\": {\"type\": \"longrope\", \"factor\": 2,"
            + " \"original_max_position_embeddings\": 64, \"short_factor\": [1]}",
        "\"rope_scaling.short_factor\"",
        "8 numbers, not 1");
    assertComplains("\"rope_theta\": 0", "\"rope_theta\" is 0");
  }
}
