package org.modelopt.models;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.error.CheckpointException;

/** A tensor of a type that no model computes with is an error that names it. */
class WrongTypeTest {
  @Test
  void integersWhereFloatsBelongAreNamed(@TempDir Path directory) throws IOException {
    Checkpoints.write("llama", directory);
    Path file = directory.resolve("model.safetensors");
    // One byte is one character, and both types take two bytes: nothing moves.
    String text = Files.readString(file, StandardCharsets.ISO_8859_1);
    String entry = "\"model.norm.weight\":{\"dtype\":\"BF16\"";
    assertTrue(text.contains(entry));
    Files.writeString(
        file,
        text.replace(entry, "\"model.norm.weight\":{\"dtype\":\"I16\" "),
        StandardCharsets.ISO_8859_1);
    String message =
        assertThrows(CheckpointException.class, () -> Models.load(directory)).getMessage();
    for (String part : new String[] {"model.norm.weight is I16", "F32, F16 or BF16"}) {
      assertTrue(message.contains(part), message);
    }
  }
}
