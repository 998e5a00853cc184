package org.modelopt.export;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class SupportTableTest {
  private static final Path PAGE = Path.of("..", "docs", "exports.md");

  @Test
  void isWhatTheDocumentationShows() throws IOException {
    String page = Files.readString(PAGE);

    assertTrue(page.contains(SupportTable.markdown()), SupportTable::markdown);
    assertTrue(page.contains(SupportTable.commands()), SupportTable::commands);
  }

  @Test
  void namesOfArchitecturesAreThoseOfTheDocumentation() throws IOException {
    String page = Files.readString(Path.of("..", "docs", "models.md"));

    assertTrue(page.contains(SupportTable.architectures()), SupportTable::architectures);
  }

  @Test
  void namesEveryKindOfTheCommandLine() {
    for (String id : Targets.ids()) {
      assertTrue(SupportTable.rows().stream().anyMatch(row -> row.target().equals(id)), id);
    }
  }
}
