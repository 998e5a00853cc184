package org.modelopt.safetensors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.publish.Publication;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;

/** The example of {@code docs/safetensors.md}. */
class ReshardExampleTest {
  @TempDir Path directory;

  private static void reshard(Path from, Path to) {
    SafetensorsCheckpoint source = SafetensorsCheckpoint.open(from);
    ShardPlan plan = ShardPlan.of(source.tensors(), 5_000_000_000L);
    try (Publication publication = Publication.ofDirectory(to)) {
      publication.requireFreeBytes(plan.fileBytes());
      try (ShardedWriter writer = ShardedWriter.create(publication.path(), plan)) {
        for (TensorInfo tensor : source.tensors()) {
          try (Arena arena = Arena.ofConfined()) {
            writer.write(tensor.name(), source.open(tensor.name(), arena));
          }
        }
        writer.finish();
      }
      publication.commit();
    }
  }

  @Test
  void theExampleCopiesACheckpoint() throws IOException {
    Path from = directory.resolve("from.safetensors");
    Files.write(
        from,
        RawFiles.bytes(
            "{"
                + RawFiles.tensor("b", "U8", "[2]", "[0,2]")
                + ","
                + RawFiles.tensor("a", "F32", "[1]", "[2,6]")
                + "}",
            6));
    reshard(from, directory.resolve("to"));
    SafetensorsCheckpoint copy = SafetensorsCheckpoint.open(directory.resolve("to"));
    assertEquals(List.of("a", "b"), copy.tensors().stream().map(TensorInfo::name).toList());
    try (Arena arena = Arena.ofConfined()) {
      assertEquals(0x05040302, copy.open("a", arena).segment().get(Tensor.INT, 0));
    }
  }

  @Test
  void theDocumentShowsThisVeryCode() throws IOException {
    String document = Files.readString(Path.of("../docs/safetensors.md"));
    String source =
        Files.readString(Path.of("src/test/java/org/modelopt/safetensors/ReshardExampleTest.java"));
    String block = document.split("```java\n", 2)[1].split("```", 2)[0];
    assertFalse(block.isBlank());
    assertTrue(source.contains(block.indent(4).stripTrailing()), block);
  }
}
