package org.modelopt.export.write;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import org.modelopt.safetensors.ShardPlan;
import org.modelopt.safetensors.ShardedWriter;

/**
 * {@code model.safetensors}, or shards and their index.
 *
 * @param plan which tensor goes to which file
 */
public record ShardedFiles(ShardPlan plan) implements CheckpointFiles {
  @Override
  public long fileBytes() {
    return plan.fileBytes();
  }

  @Override
  public long tensorBytes() {
    return plan.tensorBytes();
  }

  @Override
  public Writer open(Path directory) {
    ShardedWriter writer = ShardedWriter.create(directory, plan);
    return new Writer() {
      @Override
      public void write(Place place, MemorySegment bytes) {
        writer.write(place.tensor(), place.offset(), bytes);
      }

      @Override
      public void finish() {
        writer.finish();
      }

      @Override
      public void close() {
        writer.close();
      }
    };
  }
}
