package org.modelopt.export.gguf;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.modelopt.compute.Workers;
import org.modelopt.error.ExportException;
import org.modelopt.export.gguf.container.GgufTensor;
import org.modelopt.export.gguf.container.GgufWriter;
import org.modelopt.export.gguf.rows.RowSource;
import org.modelopt.formats.ggml.BlockCheck;
import org.modelopt.formats.ggml.GgmlCodec;

/**
 * Encodes tensors and writes them, a few rows at a time, on several threads. The cut into pieces
 * depends on sizes alone.
 */
final class TensorEncoder {
  /** Elements of a piece: its floats fill a second-level cache at most. */
  private static final long PIECE = 1 << 18;

  private final Workers workers;
  private final GgufWriter writer;

  TensorEncoder(Workers workers, GgufWriter writer) {
    this.workers = workers;
    this.writer = writer;
  }

  /**
   * Encodes and writes one tensor.
   *
   * @param factor what values are multiplied with before they are encoded
   * @param importance of each column, for each matrix of the tensor; empty for none
   */
  void write(GgufTensor tensor, RowSource source, float factor, Optional<float[]> importance) {
    int columns = source.columns();
    GgmlCodec codec = GgmlCodec.of(tensor.type());
    long rowsPerPiece = Math.max(1, PIECE / columns);
    int rowBytes = Math.toIntExact(tensor.type().byteSize(columns));
    ConcurrentLinkedQueue<Scratch> free = new ConcurrentLinkedQueue<>();
    long rowsOfMatrix = tensor.extents().size() > 2 ? tensor.extent(1) : source.rows();
    try (Arena arena = Arena.ofShared()) {
      workers.forRange(
          source.rows(),
          rowsPerPiece,
          (from, to) -> {
            Scratch taken = free.poll();
            Scratch scratch =
                taken != null ? taken : new Scratch(arena, columns, rowBytes, rowsPerPiece);
            for (long row = from; row < to; row++) {
              source.read(row, scratch.x);
              if (factor != 1) {
                scale(scratch.x, factor);
              }
              float[] weights =
                  importance.isEmpty()
                      ? null
                      : scratch.weights(importance.get(), row / rowsOfMatrix);
              codec.encode(scratch.x, columns, weights, scratch.row);
              MemorySegment.copy(
                  scratch.row,
                  0,
                  scratch.piece,
                  ValueLayout.JAVA_BYTE,
                  (row - from) * rowBytes,
                  rowBytes);
            }
            MemorySegment piece = scratch.piece.asSlice(0, (to - from) * rowBytes);
            check(tensor, piece, from);
            writer.write(tensor, from * rowBytes, piece);
            free.add(scratch);
          });
    }
  }

  private static void check(GgufTensor tensor, MemorySegment piece, long firstRow) {
    long bad = BlockCheck.firstBad(tensor.type(), piece);
    if (bad >= 0) {
      long row = firstRow + bad / (tensor.columns() / tensor.type().blockElements());
      throw new ExportException(
          "%s: row %d has values whose scale does not fit %s, which llama.cpp refuses; choose BF16,"
                  .formatted(tensor.name(), row, tensor.type())
              + " F32 or Q8_0");
    }
  }

  private static void scale(float[] x, float factor) {
    for (int i = 0; i < x.length; i++) {
      x[i] *= factor;
    }
  }

  /** What one thread works in. */
  private static final class Scratch {
    private final float[] x;
    private final byte[] row;
    private final MemorySegment piece;
    private float[] weights = new float[0];
    private long matrix = -1;

    Scratch(Arena arena, int columns, int rowBytes, long rows) {
      this.x = new float[columns];
      this.row = new byte[rowBytes];
      this.piece = arena.allocate(rows * rowBytes, 64);
    }

    /** The importance of one matrix of a tensor that has several, or shares one. */
    float[] weights(float[] all, long wanted) {
      if (all.length == x.length) {
        return all;
      }
      if (wanted != matrix) {
        int from = Math.toIntExact(wanted * x.length);
        weights = Arrays.copyOfRange(all, from, from + x.length);
        matrix = wanted;
      }
      return weights;
    }
  }
}
