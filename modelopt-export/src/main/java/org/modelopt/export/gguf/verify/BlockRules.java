package org.modelopt.export.gguf.verify;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicLong;
import org.modelopt.compute.Workers;
import org.modelopt.export.gguf.container.GgufFile;
import org.modelopt.export.gguf.container.GgufTensor;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.Violation;
import org.modelopt.formats.ggml.BlockCheck;
import org.modelopt.formats.ggml.GgmlType;
import org.modelopt.tensor.Tensor;

/** No block may have a scale that is infinite or NaN, no plain tensor such a value. */
final class BlockRules {
  private static final long BLOCKS_PER_TASK = 1 << 16;

  private static final Violation NOT_FINITE =
      new Violation(
          "scale or value that is not finite",
          "it spreads to every output; llama.cpp refuses it when it checks tensors",
          "quantize again from a checkpoint whose values are finite and fit the type's scales");
  private static final Violation SCALE =
      new Violation(
          "matrix scale that is not finite and positive",
          "it multiplies every output of the matrix",
          "write amax of the matrix divided by what its codes reach");

  private BlockRules() {}

  static void check(GgufFile file, String name, Workers workers, Findings findings) {
    for (GgufTensor tensor : file.tensors()) {
      try (Arena arena = Arena.ofShared()) {
        MemorySegment bytes = file.open(tensor, arena);
        long bad = firstBad(tensor.type(), bytes, workers);
        Place place = Place.tensor(tensor.name(), name);
        if (bad >= 0) {
          findings.error(
              NOT_FINITE, place, "finite scales", "block %d of %s".formatted(bad, tensor.type()));
        } else if (tensor.name().endsWith("scale") && tensor.type() == GgmlType.F32) {
          for (long i = 0; i < tensor.elements(); i++) {
            float scale = bytes.get(Tensor.FLOAT, 4 * i);
            if (!(scale > 0)) {
              findings.error(SCALE, place, "positive", scale);
            }
          }
        }
      }
    }
  }

  private static long firstBad(GgmlType type, MemorySegment bytes, Workers workers) {
    long size = type.blockBytes();
    AtomicLong first = new AtomicLong(Long.MAX_VALUE);
    workers.forRange(
        bytes.byteSize() / size,
        BLOCKS_PER_TASK,
        (from, to) -> {
          long bad = BlockCheck.firstBad(type, bytes.asSlice(from * size, (to - from) * size));
          if (bad >= 0) {
            first.accumulateAndGet(from + bad, Math::min);
          }
        });
    return first.get() == Long.MAX_VALUE ? -1 : first.get();
  }
}
