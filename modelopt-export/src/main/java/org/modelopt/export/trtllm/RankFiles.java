package org.modelopt.export.trtllm;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import org.modelopt.export.write.CheckpointFiles;
import org.modelopt.export.write.Place;
import org.modelopt.safetensors.SafetensorsLayout;
import org.modelopt.safetensors.SafetensorsWriter;
import org.modelopt.tensor.TensorInfo;

/** One file for each rank; {@link Place#file()} is the rank. */
final class RankFiles implements CheckpointFiles {
  private final List<SafetensorsLayout> layouts;

  RankFiles(List<? extends List<TensorInfo>> ranks) {
    this.layouts = ranks.stream().map(r -> SafetensorsLayout.of(r, Map.of())).toList();
  }

  @Override
  public long fileBytes() {
    return layouts.stream().mapToLong(SafetensorsLayout::byteSize).sum();
  }

  @Override
  public long tensorBytes() {
    return layouts.stream()
        .flatMap(layout -> layout.tensors().stream())
        .mapToLong(tensor -> tensor.info().byteSize())
        .sum();
  }

  @Override
  public Writer open(Path directory) {
    List<SafetensorsWriter> writers = new ArrayList<>();
    Deque<SafetensorsWriter> opened = new ArrayDeque<>();
    try {
      for (int rank = 0; rank < layouts.size(); rank++) {
        Path file = directory.resolve("rank" + rank + ".safetensors");
        SafetensorsWriter writer = SafetensorsWriter.create(file, layouts.get(rank));
        opened.push(writer);
        writers.add(writer);
      }
    } catch (RuntimeException e) {
      opened.forEach(SafetensorsWriter::close);
      throw e;
    }
    return new Writer() {
      @Override
      public void write(Place place, MemorySegment bytes) {
        writers.get(place.file()).write(place.tensor(), place.offset(), bytes);
      }

      @Override
      public void finish() {
        writers.forEach(SafetensorsWriter::finish);
      }

      @Override
      public void close() {
        writers.forEach(SafetensorsWriter::close);
      }
    };
  }
}
