package org.modelopt.examples.files;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import org.modelopt.publish.Publication;
import org.modelopt.safetensors.SafetensorsCheckpoint;
import org.modelopt.safetensors.ShardPlan;
import org.modelopt.safetensors.ShardedWriter;
import org.modelopt.tensor.TensorInfo;

/** Reads and writes safetensors: copies a checkpoint's weights into shards of another size. */
public final class Reshard {
  private Reshard() {}

  /** Copies {@code args[0]} to the new directory {@code args[1]}, 5 GB a shard. */
  public static void main(String[] args) {
    run(Path.of(args[0]), Path.of(args[1]));
  }

  static void run(Path from, Path to) {
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
}
