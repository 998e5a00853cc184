package org.modelopt.compute.cpu;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import org.modelopt.compute.AttentionSpec;
import org.modelopt.compute.Workers;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Tensor;

/**
 * The attention of {@link Attention} with the products of a {@link MatrixProduct}: for one
 * sequence, keys and values are copied head by head, filled up with zeros to whole blocks; then
 * blocks of queries are multiplied with all keys that they see, at most {@value #BLOCK} at a time.
 *
 * <p>Sums over keys run block by block from the start of the sequence, so that a query has the same
 * bits in any company, and with keys kept from earlier calls.
 */
final class PackedAttention {
  private static final int ROWS_PER_TASK = 256;
  private static final int FEWEST_QUERIES_PER_TASK = 16;
  private static final int BLOCK = 256;
  private static final int BLOCK_STEP = 64; // a multiple of the lanes of a sum
  private static final int SMALLEST_HEAD = 32;

  private final Kernels kernels;
  private final MatrixProduct product;
  private final Workers workers;
  private final BufferPool pool;

  PackedAttention(Kernels kernels, MatrixProduct product, Workers workers, BufferPool pool) {
    this.kernels = kernels;
    this.product = product;
    this.workers = workers;
    this.pool = pool;
  }

  /**
   * Computes one sequence.
   *
   * @param start first row of its queries; its keys begin there too
   * @param length number of its queries
   * @return whether it did: not without a suitable product, nor where a value is not finite, so
   *     that the weight 0 would not hide it from queries that do not see it
   */
  boolean run(Attention.Call call, int start, int length) {
    AttentionSpec spec = call.spec();
    if (Math.min(spec.headSize(), spec.valueHeadSize()) < SMALLEST_HEAD) {
      return false;
    }
    int keys = call.past() + length;
    int queries = Math.max(FEWEST_QUERIES_PER_TASK, ROWS_PER_TASK / call.group());
    Optional<Tiles> tiles = Tiles.of(product, call, length, queries);
    if (tiles.isEmpty()) {
      return false;
    }
    int elementBytes = call.k().elementBytes();
    long paddedKeys = Math.ceilDiv(keys, BLOCK_STEP) * (long) BLOCK_STEP;
    long keyHeadBytes = paddedKeys * spec.headSize() * elementBytes;
    long valueHeadBytes = paddedKeys * spec.valueHeadSize() * elementBytes;
    BufferPool.Buffer packedKeys = pool.take(keyHeadBytes * spec.keyValueHeads());
    BufferPool.Buffer packedValues = pool.take(valueHeadBytes * spec.keyValueHeads());
    try {
      boolean[] finite = new boolean[spec.keyValueHeads()];
      workers.forRange(
          finite.length,
          1,
          (head, end) -> {
            pack(call.k(), finite.length, head, start, keys, packedKeys, spec.headSize(), false);
            finite[(int) head] =
                pack(
                    call.v(),
                    finite.length,
                    head,
                    start,
                    keys,
                    packedValues,
                    spec.valueHeadSize(),
                    true);
          });
      for (boolean each : finite) {
        if (!each) {
          return false;
        }
      }
      int blocks = Math.ceilDiv(length, queries);
      workers.forRange(
          (long) blocks * finite.length,
          1,
          (task, end) -> {
            // The last queries see most keys: begin with them, so that threads end together.
            int first = (blocks - 1 - (int) (task / finite.length)) * queries;
            int head = (int) (task % finite.length);
            try (Task work =
                new Task(
                    call,
                    tiles.get(),
                    packedKeys.memory().asSlice(head * keyHeadBytes, keyHeadBytes),
                    packedValues.memory().asSlice(head * valueHeadBytes, valueHeadBytes))) {
              work.run(start, head, first, Math.min(length, first + queries));
            }
          });
      return true;
    } finally {
      pool.give(packedKeys);
      pool.give(packedValues);
    }
  }

  /** Copies one head; returns whether all its elements are finite, if that is asked. */
  private boolean pack(
      Elements source,
      int heads,
      long head,
      long start,
      int rows,
      BufferPool.Buffer target,
      int size,
      boolean checkFinite) {
    int elementBytes = source.elementBytes();
    long rowBytes = (long) size * elementBytes;
    long paddedRows = Math.ceilDiv(rows, BLOCK_STEP) * (long) BLOCK_STEP;
    MemorySegment packed =
        target.memory().asSlice(head * paddedRows * rowBytes, paddedRows * rowBytes);
    for (int row = 0; row < rows; row++) {
      long from = ((start + row) * heads + head) * rowBytes;
      MemorySegment.copy(source.segment(), from, packed, row * rowBytes, rowBytes);
    }
    packed.asSlice(rows * rowBytes).fill((byte) 0);
    if (!checkFinite) {
      return true;
    }
    Elements elements = new Elements(packed, source.dtype());
    int blockElements = BLOCK_STEP * size;
    Block block = new Block(kernels, blockElements);
    boolean finite = true;
    for (long at = 0; at < paddedRows * size; at += blockElements) {
      block.load(elements, at, blockElements);
      finite &= kernels.allFinite(block.values(), 0, blockElements);
    }
    return finite;
  }

  /** Rows of a task's matrices: few different heights, so that few products are compiled. */
  private static int height(int rows) {
    return Math.max(2, Integer.highestOneBit(2 * rows - 1));
  }

  /** Keys in the last block of a task that sees {@code keys} keys: whole steps. */
  private static int lastCount(int keys) {
    return Math.ceilDiv((keys - 1) % BLOCK + 1, BLOCK_STEP) * BLOCK_STEP;
  }

  /** The products that a call needs, by rows and by keys of a block. */
  private record Tiles(
      TreeMap<Integer, MatrixProduct.Tile[]> scores,
      TreeMap<Integer, MatrixProduct.Tile[]> values) {
    static Optional<Tiles> of(MatrixProduct product, Attention.Call call, int length, int queries) {
      Tiles tiles = new Tiles(new TreeMap<>(), new TreeMap<>());
      for (int first = 0; first < length; first += queries) {
        int end = Math.min(length, first + queries);
        int height = height((end - first) * call.group());
        int keys = call.past() + end;
        if (!tiles.add(product, call, height, lastCount(keys))
            || (keys > BLOCK && !tiles.add(product, call, height, BLOCK))) {
          return Optional.empty();
        }
      }
      return Optional.of(tiles);
    }

    private boolean add(MatrixProduct product, Attention.Call call, int height, int keys) {
      MatrixProduct.Tile[] score = tiles(scores, height);
      MatrixProduct.Tile[] value = tiles(values, height);
      int index = keys / BLOCK_STEP - 1;
      if (score[index] != null) {
        return true;
      }
      DType input = call.q().dtype();
      int size = call.spec().headSize();
      Optional<MatrixProduct.Tile> first =
          product.tile(
              new MatrixProduct.Sizes(input, DType.F32, height, keys, size, size, 1, size, BLOCK));
      size = call.spec().valueHeadSize();
      Optional<MatrixProduct.Tile> second =
          product.tile(
              new MatrixProduct.Sizes(input, DType.F32, height, size, keys, BLOCK, size, 1, size));
      first.ifPresent(tile -> score[index] = tile);
      second.ifPresent(tile -> value[index] = tile);
      return first.isPresent() && second.isPresent();
    }

    private static MatrixProduct.Tile[] tiles(
        TreeMap<Integer, MatrixProduct.Tile[]> byHeight, int height) {
      return byHeight.computeIfAbsent(height, key -> new MatrixProduct.Tile[BLOCK / BLOCK_STEP]);
    }

    private static MatrixProduct.Tile get(
        TreeMap<Integer, MatrixProduct.Tile[]> tiles, int rows, int keys) {
      return Objects.requireNonNull(tiles.get(rows))[keys / BLOCK_STEP - 1];
    }
  }

  /**
   * One block of queries of one sequence, for all query heads of one key head. Row r of its
   * matrices is query r / group of head r mod group. Scores and weights are stored block of keys by
   * block of keys, rows of {@value #BLOCK} elements.
   */
  private final class Task implements AutoCloseable {
    private final Attention.Call call;
    private final Tiles tiles;
    private final MemorySegment keys;
    private final MemorySegment values;
    private final List<BufferPool.Buffer> buffers = new ArrayList<>();

    Task(Attention.Call call, Tiles tiles, MemorySegment keys, MemorySegment values) {
      this.call = call;
      this.tiles = tiles;
      this.keys = keys;
      this.values = values;
    }

    private MemorySegment take(long bytes) {
      BufferPool.Buffer buffer = pool.take(bytes);
      buffers.add(buffer);
      return buffer.memory();
    }

    @Override
    public void close() {
      buffers.forEach(pool::give);
    }

    /** Queries {@code first} to {@code end} of the sequence whose queries begin at a row. */
    void run(int start, int keyHead, int first, int end) {
      AttentionSpec spec = call.spec();
      int rows = (end - first) * call.group();
      int height = height(rows);
      int firstBlock = spec.firstKey(call.past() + first) / BLOCK;
      int endKey = call.past() + end;
      int blocks = Math.ceilDiv(endKey, BLOCK) - firstBlock;
      int elementBytes = call.q().elementBytes();

      MemorySegment queries = take((long) height * spec.headSize() * elementBytes);
      long queryBytes = (long) call.group() * spec.headSize() * elementBytes;
      for (int i = 0; i < end - first; i++) {
        long from = ((long) (start + first + i) * spec.keyValueHeads() + keyHead) * queryBytes;
        MemorySegment.copy(call.q().segment(), from, queries, i * queryBytes, queryBytes);
      }

      long blockElements = (long) height * BLOCK;
      MemorySegment scores = take(blocks * blockElements * Float.BYTES);
      for (int block = 0; block < blocks; block++) {
        int count = block == blocks - 1 ? lastCount(endKey) : BLOCK;
        long from = (long) (firstBlock + block) * BLOCK * spec.headSize() * elementBytes;
        Tiles.get(tiles.scores, height, count)
            .multiply(
                queries, keys.asSlice(from), scores.asSlice(block * blockElements * Float.BYTES));
      }

      MemorySegment weights = call.q().isBfloat16() ? take(blocks * blockElements * 2) : scores;
      float[] sums =
          softmax(
              scores,
              new Elements(weights, call.q().dtype()),
              blockElements,
              blocks,
              firstBlock * BLOCK,
              keyHead,
              call.past() + first,
              rows);

      int size = spec.valueHeadSize();
      MemorySegment partial = take((long) height * size * Float.BYTES);
      float[] results = new float[rows * size];
      float[] addend = new float[rows * size];
      for (int block = 0; block < blocks; block++) {
        int count = block == blocks - 1 ? lastCount(endKey) : BLOCK;
        long from = (long) (firstBlock + block) * BLOCK * size * elementBytes;
        Tiles.get(tiles.values, height, count)
            .multiply(
                weights.asSlice(block * blockElements * elementBytes),
                values.asSlice(from),
                partial);
        float[] target = block == 0 ? results : addend;
        MemorySegment.copy(partial, Tensor.FLOAT, 0, target, 0, target.length);
        if (block > 0) {
          kernels.add(results, addend, results.length);
        }
      }
      for (int row = 0; row < rows; row++) {
        kernels.divide(results, row * size, (row + 1) * size, sums[row]);
      }
      Block all = new Block(kernels, results);
      int groupElements = call.group() * size;
      for (int i = 0; i < end - first; i++) {
        long to = ((long) (start + first + i) * spec.keyValueHeads() + keyHead) * groupElements;
        all.store(i * groupElements, call.y(), to, groupElements);
      }
    }

    /** Turns scores into weights, 0 for keys that a query does not see; returns their sums. */
    private float[] softmax(
        MemorySegment scores,
        Elements weights,
        long blockElements,
        int blocks,
        int firstKey,
        int keyHead,
        int firstPosition,
        int rows) {
      AttentionSpec spec = call.spec();
      float[] sums = new float[rows];
      // A sum's lanes begin at the first key seen, so there may be most of a vector more.
      Block block = new Block(kernels, blocks * BLOCK + Kernels.LANES);
      float[] x = block.values();
      for (int row = 0; row < rows; row++) {
        int position = firstPosition + row / call.group();
        int from = spec.firstKey(position) - firstKey;
        int to = position + 1 - firstKey;
        for (int i = 0; i * BLOCK < to; i++) {
          long at = i * blockElements + (long) row * BLOCK;
          int count = Math.min(BLOCK, to - i * BLOCK);
          MemorySegment.copy(scores, Tensor.FLOAT, at * Float.BYTES, x, i * BLOCK, count);
        }
        kernels.scale(x, from, to, spec.scale());
        if (spec.softCap() != 0) {
          kernels.cap(x, from, to, spec.softCap());
        }
        // Keys that are not seen have the weight 0; whole vectors of them cost less than a tail.
        int whole = from + Math.ceilDiv(to - from, Kernels.LANES) * Kernels.LANES;
        Arrays.fill(x, to, whole, Float.NEGATIVE_INFINITY);
        float max = kernels.max(x, from, whole);
        float sum;
        if (call.sinks().isPresent()) {
          float sink = call.sinks().get()[keyHead * call.group() + row % call.group()];
          max = Math.max(max, sink);
          sum = kernels.exponentials(x, from, whole, max) + FloatMath.exp(sink - max);
        } else {
          sum = kernels.exponentials(x, from, whole, max);
        }
        sums[row] = sum;
        Arrays.fill(x, 0, from, 0);
        if (whole < blocks * BLOCK) {
          Arrays.fill(x, whole, blocks * BLOCK, 0);
        }
        for (int i = 0; i < blocks; i++) {
          block.store(i * BLOCK, weights, i * blockElements + (long) row * BLOCK, BLOCK);
        }
      }
      return sums;
    }
  }
}
