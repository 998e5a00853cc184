package org.modelopt.models.family;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class SupportTableTest {
  @Test
  void theDocumentedTableIsThatOfTheCode() throws IOException {
    Path root = Files.exists(Path.of("docs")) ? Path.of("") : Path.of("..");
    String document = Files.readString(root.resolve("docs/models.md"));
    assertTrue(
        document.contains(Families.table()), "put this into docs/models.md:\n" + Families.table());
  }
}
