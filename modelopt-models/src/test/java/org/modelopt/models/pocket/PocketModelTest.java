package org.modelopt.models.pocket;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.models.text.HfTextEncoder;

class PocketModelTest {
  @TempDir Path directory;

  @Test
  void theCheckpointIsWrittenToANewDirectory() throws IOException {
    Path target = directory.resolve("a/b");
    assertEquals(target, PocketModel.extract(target));
    assertEquals(2_103_520, Files.size(target.resolve("model.safetensors")));
    PocketModel.extract(target); // again: the files are replaced
  }

  @Test
  void aPlaceThatCannotBeWrittenIsNamed() throws IOException {
    Path file = Files.writeString(directory.resolve("file"), "");
    String message =
        assertThrows(UncheckedIOException.class, () -> PocketModel.extract(file)).getMessage();
    assertTrue(message.contains(file.toString()), message);
  }

  @Test
  void theEvaluationTextIsEnoughFor64Windows() {
    String text = PocketModel.evaluationText();
    assertTrue(text.startsWith("THE ADVENTURES OF SHERLOCK HOLMES"), text.substring(0, 40));
    int tokens = new HfTextEncoder(PocketModel.extract(directory)).encode(text, false).length;
    assertTrue(tokens >= 64 * 255, "tokens: " + tokens);
  }
}
