package org.modelopt.publish;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.error.ExportException;

class PublicationTest {
  @TempDir Path directory;
  private Path target;

  @BeforeEach
  void chooseATarget() {
    target = directory.resolve("model");
  }

  private static List<String> names(Path directory) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  private static void write(Publication publication, String text) throws IOException {
    Files.writeString(publication.path().resolve("config.json"), text);
  }

  private String refusal() {
    return assertThrows(ExportException.class, () -> Publication.ofDirectory(target)).getMessage();
  }

  @Nested
  class OfADirectory {
    @Test
    void isNowhereBeforeAndWholeAfterTheCommit() throws IOException {
      try (Publication publication = Publication.ofDirectory(target)) {
        write(publication, "{}");
        Files.createDirectories(publication.path().resolve("a/b"));
        Files.writeString(publication.path().resolve("a/b/c"), "deep");
        assertEquals("model", publication.path().getFileName().toString());
        assertFalse(Files.exists(target));
        publication.commit();
        assertEquals("{}", Files.readString(target.resolve("config.json")));
      }
      assertEquals(List.of("model"), names(directory));
      assertEquals(List.of("a", "config.json"), names(target));
      assertEquals("deep", Files.readString(target.resolve("a/b/c")));
    }

    @Test
    void leavesNothingWithoutACommit() throws IOException {
      assertThrows(
          IllegalStateException.class,
          () -> {
            try (Publication publication = Publication.ofDirectory(target)) {
              write(publication, "{}");
              throw new IllegalStateException("the job failed");
            }
          });
      assertEquals(List.of(), names(directory));
    }

    @Test
    void takesThePlaceOfAnEmptyDirectory() throws IOException {
      Files.createDirectory(target);
      try (Publication publication = Publication.ofDirectory(target)) {
        write(publication, "{}");
        publication.commit();
      }
      assertEquals(List.of("config.json"), names(target));
      assertEquals(List.of("model"), names(directory));
    }

    @Test
    void followsALinkToAnEmptyDirectory() throws IOException {
      Path elsewhere = Files.createDirectories(directory.resolve("elsewhere/real"));
      Files.createSymbolicLink(target, elsewhere);
      try (Publication publication = Publication.ofDirectory(target)) {
        write(publication, "{}");
        publication.commit();
      }
      assertEquals(List.of("config.json"), names(elsewhere));
      assertTrue(Files.isSymbolicLink(target));
    }

    @Test
    void refusesADirectoryWithContent() throws IOException {
      Files.createDirectory(target);
      Files.writeString(target.resolve("mine"), "mine");
      assertEquals(
          target + ": is not empty and is not overwritten; remove it or choose another target",
          refusal());
      assertEquals(List.of("mine"), names(target));
    }

    @Test
    void refusesAFileAndADeadLink() throws IOException {
      Files.writeString(target, "mine");
      assertTrue(refusal().contains("exists and is not overwritten"), refusal());
      Files.delete(target);
      Files.createSymbolicLink(target, directory.resolve("nowhere"));
      assertTrue(refusal().contains("exists and is not overwritten"), refusal());
    }

    @Test
    void refusesToOverwriteWhatCameIntoBeingMeanwhile() throws IOException {
      try (Publication publication = Publication.ofDirectory(target)) {
        write(publication, "{}");
        Files.createDirectory(target);
        Files.writeString(target.resolve("mine"), "mine");
        ExportException e = assertThrows(ExportException.class, publication::commit);
        assertTrue(e.getMessage().contains("came into being meanwhile"), e.getMessage());
      }
      assertEquals(List.of("mine"), names(target));
      assertEquals(List.of("model"), names(directory));
    }

    @Test
    void goesToTheFirstOfTwoThatCommit() throws IOException {
      try (Publication first = Publication.ofDirectory(target);
          Publication second = Publication.ofDirectory(target)) {
        write(first, "first");
        write(second, "second");
        second.commit();
        assertThrows(ExportException.class, first::commit);
      }
      assertEquals("second", Files.readString(target.resolve("config.json")));
      assertEquals(List.of("model"), names(directory));
    }

    @Test
    void makesMissingParentsAndRemovesThemIfItFails() throws IOException {
      Path deep = directory.resolve("x/y/model");
      Publication.ofDirectory(deep).close();
      assertEquals(List.of(), names(directory));
      try (Publication publication = Publication.ofDirectory(deep)) {
        publication.commit();
      }
      assertTrue(Files.isDirectory(deep));
    }

    @Test
    void keepsMissingParentsThatSomeoneElseUsesByNow() throws IOException {
      Path deep = directory.resolve("x/y/model");
      try (Publication publication = Publication.ofDirectory(deep)) {
        Files.writeString(directory.resolve("x/other"), "mine");
        assertFalse(Files.exists(publication.target()));
      }
      assertEquals(List.of("other"), names(directory.resolve("x")));
    }

    @Test
    void saysHowMuchRoomIsMissingBeforeAnythingIsWritten() throws IOException {
      try (Publication publication = Publication.ofDirectory(target)) {
        publication.requireFreeBytes(0);
        ExportException e =
            assertThrows(ExportException.class, () -> publication.requireFreeBytes(Long.MAX_VALUE));
        assertTrue(
            e.getMessage().contains("9,223,372,036,854,775,807 bytes are needed but only"),
            e.getMessage());
      }
    }

    @Test
    void commitsOnce() {
      try (Publication publication = Publication.ofDirectory(target)) {
        publication.commit();
        assertThrows(IllegalStateException.class, publication::commit);
      }
      assertTrue(Files.exists(target));
    }

    @Test
    void refusesARoot() {
      assertThrows(ExportException.class, () -> Publication.ofDirectory(target.getRoot()));
    }

    @Test
    void refusesAParentThatIsAFile() throws IOException {
      Files.writeString(target, "mine");
      ExportException e =
          assertThrows(
              ExportException.class, () -> Publication.ofDirectory(target.resolve("model")));
      assertTrue(e.getMessage().contains("cannot be written to"), e.getMessage());
      assertEquals("mine", Files.readString(target));
    }
  }

  @Nested
  class OfAFile {
    @BeforeEach
    void chooseAFile() {
      target = directory.resolve("model.gguf");
    }

    @Test
    void isNowhereBeforeAndWholeAfterTheCommit() throws IOException {
      try (Publication publication = Publication.ofFile(target)) {
        Files.writeString(publication.path(), "content");
        assertFalse(Files.exists(target));
        publication.commit();
      }
      assertEquals("content", Files.readString(target));
      assertEquals(List.of("model.gguf"), names(directory));
    }

    @Test
    void leavesNothingWithoutACommit() throws IOException {
      try (Publication publication = Publication.ofFile(target)) {
        Files.writeString(publication.path(), "content");
      }
      assertEquals(List.of(), names(directory));
    }

    @Test
    void refusesWhatExistsNowOrMeanwhile() throws IOException {
      try (Publication publication = Publication.ofFile(target)) {
        Files.writeString(publication.path(), "content");
        Files.writeString(target, "mine");
        assertThrows(ExportException.class, publication::commit);
        assertThrows(ExportException.class, () -> Publication.ofFile(target));
      }
      assertEquals("mine", Files.readString(target));
      assertEquals(List.of("model.gguf"), names(directory));
    }

    @Test
    void isNothingIfNothingWasWritten() throws IOException {
      try (Publication publication = Publication.ofFile(target)) {
        ExportException e = assertThrows(ExportException.class, publication::commit);
        assertTrue(e.getMessage().contains("nothing was written"), e.getMessage());
      }
      assertEquals(List.of(), names(directory));
    }
  }

  /** Another process that publishes to the same target. */
  @Nested
  class AnotherProcess {
    private Process start() throws IOException {
      Process process =
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "-XX:TieredStopAtLevel=1",
                  "-cp",
                  System.getProperty("java.class.path"),
                  WaitingPublisher.class.getName(),
                  target.toString())
              .redirectErrorStream(true)
              .start();
      BufferedReader output =
          new BufferedReader(
              new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
      for (String line = output.readLine(); line != null; line = output.readLine()) {
        if (line.equals(WaitingPublisher.READY)) {
          return process;
        }
      }
      throw new IOException("the publisher ended too early");
    }

    @Test
    void keepsItsHiddenDirectoryWhileItLivesAndLosesItWhenItWasKilled() throws Exception {
      Process process = start();
      try {
        List<String> hidden = names(directory);
        assertEquals(1, hidden.size());
        assertTrue(hidden.getFirst().startsWith(".model.partial-"), hidden.toString());

        Publication.ofDirectory(target).close();
        assertEquals(hidden, names(directory), "the process lives: its directory stays");

        process.destroyForcibly().waitFor();
        assertEquals(hidden, names(directory), "a killed process removes nothing");

        Publication.ofDirectory(target.resolveSibling("mod")).close();
        assertEquals(hidden, names(directory), "other targets are no concern of ours");

        Publication.ofDirectory(target).close();
        assertEquals(List.of(), names(directory));
      } finally {
        process.destroyForcibly();
      }
    }
  }

  @Test
  void aHiddenDirectoryThatNothingIsKnownOfStays() throws IOException {
    Path unknown = Files.createDirectory(directory.resolve(".model.partial-12345678-1"));
    Files.writeString(unknown.resolve("something"), "mine");
    Publication.ofDirectory(target).close();
    assertTrue(Files.exists(unknown.resolve("something")));
  }

  @Test
  void linksInsideAreRemovedButNotWhatTheyLeadTo() throws IOException {
    Path outside = Files.createDirectory(directory.resolve("outside"));
    Files.writeString(outside.resolve("mine"), "mine");
    try (Publication publication = Publication.ofDirectory(target)) {
      Files.createSymbolicLink(publication.path().resolve("link"), outside);
    }
    assertEquals(List.of("outside"), names(directory));
    assertEquals("mine", Files.readString(outside.resolve("mine")));
  }

  @Test
  void aTargetIsCheckedBeforeTheWorkWithoutMakingAnything() throws IOException {
    Path target = directory.resolve("not").resolve("yet").resolve("there");
    Publication.checkDirectory(target, 1);
    ExportException room =
        assertThrows(ExportException.class, () -> Publication.checkDirectory(target, 1L << 60));
    assertTrue(room.getMessage().contains("bytes are needed but only"), room.getMessage());
    Path file = Files.writeString(directory.resolve("file"), "x");
    assertThrows(ExportException.class, () -> Publication.checkDirectory(file.resolve("a"), 1));
    assertThrows(ExportException.class, () -> Publication.checkDirectory(file, 1));
    assertFalse(Files.exists(directory.resolve("not")));
  }
}
