package org.modelopt.compute.cpu;

import java.util.Optional;
import org.modelopt.compute.AttentionSpec;
import org.modelopt.compute.Workers;

/**
 * Causal attention over packed sequences.
 *
 * <p>For a query at position i that sees the keys j: scores {@code s_j = cap(scale * (q . k_j))},
 * the product a sum as in {@link BlockedProduct}; weights {@code p_j = e^(s_j - max s)}; the result
 * is the sum of the {@code p_j v_j}, one chain of fused multiply-adds per {@link Kernels#DEPTH}
 * keys from the start of the sequence on, divided by the sum of the p_j, in lanes that start at the
 * first key seen, a sink added last. All in float32, but p_j is rounded to the type of the result
 * before it is multiplied (the sum is of the p_j before), as in fused attention kernels.
 *
 * <p>A task handles a block of queries for all heads that share a key head, so that keys and values
 * are packed once for all of them. Blocks do not change the result: keys that a query does not see
 * count with weight 0, and where a value is not finite, so that 0 would not hide it, rows are
 * computed one by one over the keys that they see.
 */
final class Attention {
  /** Rows (query, head) of a task. */
  private static final int ROWS_PER_TASK = 256;

  private static final int FEWEST_QUERIES_PER_TASK = 16;

  private final Kernels kernels;
  private final Workers workers;
  private final PackedAttention packed;

  Attention(Rungs rungs, Workers workers, BufferPool pool) {
    this.kernels = rungs.kernels();
    this.workers = workers;
    this.packed = new PackedAttention(kernels, rungs.product(), workers, pool);
  }

  /**
   * The tensors of one call.
   *
   * @param q {@code [t, heads * headSize]}
   * @param k {@code [t, keyValueHeads * headSize]}
   * @param v {@code [t, keyValueHeads * valueHeadSize]}
   * @param y {@code [t, heads * valueHeadSize]}
   * @param sinks one more score per head
   * @param past keys before the first query
   */
  record Call(
      Elements q,
      Elements k,
      Elements v,
      Elements y,
      AttentionSpec spec,
      Optional<float[]> sinks,
      int past) {
    int group() {
      return spec.heads() / spec.keyValueHeads();
    }
  }

  /** Computes all sequences of {@code call}; {@code starts} as in the backend's contract. */
  void run(Call call, int[] starts) {
    int queries = Math.max(FEWEST_QUERIES_PER_TASK, ROWS_PER_TASK / call.group());
    for (int sequence = 0; sequence + 1 < starts.length; sequence++) {
      int start = starts[sequence];
      int length = starts[sequence + 1] - start;
      if (length == 0 || packed.run(call, start, length)) {
        continue;
      }
      int blocks = Math.ceilDiv(length, queries);
      int keyHeads = call.spec().keyValueHeads();
      workers.forRange(
          (long) blocks * keyHeads,
          1,
          (task, end) -> {
            // The last queries see most keys: begin with them, so that threads end together.
            int first = (blocks - 1 - (int) (task / keyHeads)) * queries;
            int last = Math.min(length, first + queries);
            int past = call.past();
            new Task(call, start, (int) (task % keyHeads), past + first, past + last).run();
          });
    }
  }

  /** One block of queries of one sequence, for all query heads of one key head. */
  private final class Task {
    private final Call call;
    private final int start;
    private final int keyHead;
    private final int firstQuery;
    private final int queries;
    private final int firstKey;
    private final int endKey;
    private final int rows;
    private final int stride;
    private final float[] weights;
    private final float[] sums;
    private final Packing packing = new Packing(kernels);

    /** Queries at positions {@code firstQuery} to {@code endQuery} of a sequence. */
    Task(Call call, int start, int keyHead, int firstQuery, int endQuery) {
      this.call = call;
      this.start = start;
      this.keyHead = keyHead;
      this.firstQuery = firstQuery;
      this.queries = endQuery - firstQuery;
      this.firstKey = firstKey(firstQuery) / Kernels.DEPTH * Kernels.DEPTH;
      this.endKey = endQuery;
      this.rows = queries * call.group();
      // Room for the columns that the last panel has beyond the last key.
      this.stride = Math.ceilDiv(endKey - firstKey, Kernels.LANES) * Kernels.LANES;
      this.weights = new float[Math.multiplyExact(rows, stride)];
      this.sums = new float[rows];
    }

    private int firstKey(int position) {
      return call.spec().firstKey(position);
    }

    void run() {
      scores();
      for (int row = 0; row < rows; row++) {
        softmax(row);
      }
      values();
    }

    /** Row of {@link #weights} for a query and a head of the group: heads one below the other. */
    private int position(int row) {
      return firstQuery + row % queries;
    }

    /** Products of all queries with all keys that any of them sees. */
    private void scores() {
      int size = call.spec().headSize();
      float[] packedQueries = new float[rows * size];
      for (int head = 0; head < call.group(); head++) {
        Matrix q = head(call.q(), call.spec().heads(), keyHead * call.group() + head, size);
        int first = firstQuery - call.past();
        packing.rows(
            q.rows(first, (long) first + queries), packedQueries, head * queries * size, size);
      }
      Matrix k = head(call.k(), call.spec().keyValueHeads(), keyHead, size).transposed();
      int depth = Math.min(Kernels.DEPTH, size);
      float[] panels = new float[Packing.panelFloats(kernels, depth, blockKeys())];
      Kernels.Rows queryRows = new Kernels.Rows(packedQueries, 0, size);
      Kernels.Rows scores = new Kernels.Rows(weights, 0, stride);
      for (int key = firstKey; key < endKey; key += Kernels.DEPTH) {
        Matrix keys = k.columns(key, Math.min(endKey, key + Kernels.DEPTH));
        for (int at = 0; at < size; at += Kernels.DEPTH) {
          int terms = Math.min(Kernels.DEPTH, size - at);
          Kernels.Panels packed = packing.panels(keys.rows(at, (long) at + terms), panels);
          kernels.multiply(queryRows.at(0, at), rows, packed, terms, scores.at(0, key - firstKey));
        }
      }
    }

    private int blockKeys() {
      return Math.min(Kernels.DEPTH, endKey - firstKey);
    }

    /** Turns the scores of a row into weights, 0 for keys that the query does not see, and sums. */
    private void softmax(int row) {
      AttentionSpec spec = call.spec();
      int position = position(row);
      int begin = row * stride;
      int from = begin + firstKey(position) - firstKey;
      int to = begin + position + 1 - firstKey;
      kernels.scale(weights, from, to, spec.scale());
      if (spec.softCap() != 0) {
        kernels.cap(weights, from, to, spec.softCap());
      }
      float max = kernels.max(weights, from, to);
      float sum;
      if (call.sinks().isPresent()) {
        float sink = call.sinks().get()[keyHead * call.group() + row / queries];
        max = Math.max(max, sink);
        sum = kernels.exponentials(weights, from, to, max) + FloatMath.exp(sink - max);
      } else {
        sum = kernels.exponentials(weights, from, to, max);
      }
      sums[row] = sum;
      if (call.y().isBfloat16()) {
        kernels.round(weights, from, to);
      }
      java.util.Arrays.fill(weights, begin, from, 0);
      java.util.Arrays.fill(weights, to, begin + stride, 0);
    }

    /** Weighted sums of values. */
    private void values() {
      int size = call.spec().valueHeadSize();
      Matrix v = head(call.v(), call.spec().keyValueHeads(), keyHead, size);
      float[] panels = new float[Packing.panelFloats(kernels, blockKeys(), size)];
      int width = Math.ceilDiv(size, kernels.panelColumns()) * kernels.panelColumns();
      float[] results = new float[Math.multiplyExact(rows, width)];
      for (int key = firstKey; key < endKey; key += Kernels.DEPTH) {
        int end = Math.min(endKey, key + Kernels.DEPTH);
        Kernels.Panels packed = packing.panels(v.rows(key, end), panels);
        Kernels.Rows all = new Kernels.Rows(weights, key - firstKey, stride);
        Kernels.Rows result = new Kernels.Rows(results, 0, width);
        if (kernels.allFinite(panels, 0, packed.count() * packed.stride())) {
          kernels.multiply(all, rows, packed, end - key, result);
        } else {
          for (int row = 0; row < rows; row++) {
            multiplySeen(row, key, end, packed, all.at(row, 0), result.at(row, 0));
          }
        }
      }
      Block block = new Block(kernels, results);
      for (int row = 0; row < rows; row++) {
        int head = keyHead * call.group() + row / queries;
        long queryRow = (long) start + position(row) - call.past();
        long result = (queryRow * call.spec().heads() + head) * size;
        kernels.divide(results, row * width, row * width + size, sums[row]);
        block.store(row * width, call.y(), result, size);
      }
    }

    /** One row times the values of keys from {@code key} to {@code end} that its query sees. */
    private void multiplySeen(
        int row, int key, int end, Kernels.Panels packed, Kernels.Rows weight, Kernels.Rows sum) {
      int first = Math.max(key, firstKey(position(row)));
      int last = Math.min(end, position(row) + 1);
      if (first < last) {
        int offset = packed.first() + (first - key) * kernels.panelColumns();
        Kernels.Panels seen =
            new Kernels.Panels(packed.values(), offset, packed.stride(), packed.count());
        kernels.multiply(weight.at(0, first - key), 1, seen, last - first, sum);
      }
    }

    /** One head of the sequence: {@code [positions, size]}. */
    private Matrix head(Elements elements, int heads, int head, int size) {
      long stride = (long) heads * size;
      return new Matrix(elements, start * stride + (long) head * size, endKey, size, stride, 1);
    }
  }
}
