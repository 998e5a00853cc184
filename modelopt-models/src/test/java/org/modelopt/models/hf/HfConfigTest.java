package org.modelopt.models.hf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.error.CheckpointException;

/** Fields are read as they are, or the complaint says which is wrong, and how. */
class HfConfigTest {
  @TempDir Path directory;

  private HfConfig config(String json) throws IOException {
    return HfConfig.read(Files.writeString(directory.resolve("config.json"), json));
  }

  private static void assertComplains(Executable action, String... parts) {
    String message = assertThrows(CheckpointException.class, action).getMessage();
    for (String part : parts) {
      assertTrue(message.contains(part), "\"%s\" lacks \"%s\"".formatted(message, part));
    }
  }

  @Test
  void fieldsOfAllKindsAreRead() throws IOException {
    HfConfig config =
        config(
            """
            {"a": 7, "b": 1e-5, "c": "text", "d": true, "e": null, "f": [1, 2.5],
             "g": ["x"], "h": {"i": 3}, "j": [9, 8], "k": 4096.0, "l": Infinity}
            """);
    assertEquals(7, config.count("a"));
    assertEquals(1e-5, config.number("b"));
    assertEquals("text", config.text("c"));
    assertTrue(config.flag("d", false));
    assertFalse(config.has("e"));
    assertTrue(config.flag("e", true));
    assertEquals(Optional.of(List.of(1.0, 2.5)), config.findNumbers("f"));
    assertEquals(Optional.of(List.of("x")), config.findTexts("g"));
    assertEquals(3, config.section("h").orElseThrow().count("i"));
    assertEquals(OptionalInt.of(9), config.findTokenId("j"));
    assertEquals(4096, config.count("k"));
    assertEquals(Double.POSITIVE_INFINITY, config.number("l"));
    assertEquals(Optional.empty(), config.section("nothing"));
  }

  @Test
  void aMissingFieldIsNamedWithItsFile() throws IOException {
    HfConfig config = config("{\"x\": {}}");
    assertComplains(() -> config.count("hidden_size"), "config.json", "\"hidden_size\"", "missing");
    assertComplains(
        () -> config.section("x").orElseThrow().number("factor"), "\"x.factor\"", "missing");
  }

  @Test
  void aFieldOfTheWrongTypeIsShown() throws IOException {
    HfConfig config =
        config("{\"a\": \"4096\", \"b\": 0, \"c\": 1.5, \"d\": 3, \"e\": [1, \"x\"], \"f\": -1}");
    assertComplains(() -> config.count("a"), "\"a\" is \"4096\" but must be a positive integer");
    assertComplains(() -> config.count("b"), "\"b\" is 0 but must be a positive integer");
    assertComplains(() -> config.count("c"), "\"c\" is 1.5 but must be a positive integer");
    assertComplains(() -> config.text("d"), "\"d\" is 3 but must be a text");
    assertComplains(() -> config.flag("d", true), "\"d\" is 3 but must be true or false");
    assertComplains(() -> config.section("d"), "\"d\" is 3 but must be an object");
    assertComplains(() -> config.findNumbers("e"), "\"e\"", "a list of numbers");
    assertEquals(OptionalInt.empty(), config.findTokenId("f")); // -1 stands for none
  }

  @Test
  void aMissingFileIsNamed() {
    assertComplains(
        () -> HfConfig.read(directory.resolve("config.json")), "config.json", "is missing");
  }

  @Test
  void brokenJsonIsLocated() {
    assertComplains(() -> config("{\"a\": 1,\n \"b\": }"), "not JSON", "line 2");
    assertComplains(() -> config("{\"a\": 1"), "not JSON");
  }

  @Test
  void somethingElseThanAnObjectIsShown() {
    assertComplains(() -> config("[1]"), "holds [1] where a JSON object belongs");
    assertComplains(() -> config(""), "holds nothing where a JSON object belongs");
  }
}
