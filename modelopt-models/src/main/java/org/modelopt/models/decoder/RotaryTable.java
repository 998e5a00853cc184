package org.modelopt.models.decoder;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * Cosines and sines of a {@link RotarySpec}, made as they are needed and shared by all layers that
 * have the same one. Safe for use by several threads.
 *
 * <p>{@code cos(p * inv_i) * a} and {@code sin(p * inv_i) * a} for position p, with the product p *
 * inv_i and the result rounded to float32.
 */
final class RotaryTable {
  private static final int SMALLEST = 256;

  private final RotarySpec spec;
  private @Nullable Angles cached;

  RotaryTable(RotarySpec spec) {
    this.spec = spec;
  }

  /**
   * Cosines and sines, host F32 {@code [positions, d/2]} each.
   *
   * @param cos cosines
   * @param sin sines
   * @param starts first row of each sequence and, last, the number of rows, with which they are to
   *     be read
   */
  record Angles(Tensor cos, Tensor sin, List<Integer> starts) {
    int[] startsArray() {
      return starts.stream().mapToInt(Integer::intValue).toArray();
    }
  }

  /**
   * What {@link org.modelopt.compute.Backend#rotate} needs for sequences that start there, {@code
   * past} tokens of the only one of them having come before.
   */
  Angles angles(int[] starts, int past) {
    List<Integer> list = new ArrayList<>();
    int longest = 1;
    for (int i = 0; i < starts.length; i++) {
      list.add(starts[i]);
      longest = i == 0 ? longest : Math.max(longest, starts[i] - starts[i - 1]);
    }
    if (dependsOnLength()) {
      return perSequence(starts, past);
    }
    int end = past + longest;
    Angles all = atLeast(end);
    return new Angles(all.cos().rows(past, end), all.sin().rows(past, end), list);
  }

  /** Whether each sequence has angles of its own. */
  boolean dependsOnLength() {
    return spec.scaling().dependsOnLength();
  }

  private synchronized Angles atLeast(int positions) {
    Angles present = cached;
    if (present == null || present.cos().shape().dim(0) < positions) {
      int rows = Math.max(SMALLEST, Integer.highestOneBit(positions - 1) << 1);
      present = allocate(rows, List.of());
      fill(present, 0, 0, rows, spec.inverseFrequencies(rows));
      cached = present;
    }
    return present;
  }

  /**
   * Frequencies differ between sequences: the tables of all sequences stand one after the other,
   * and the rows are read as one sequence. So a sample gives the same bits in any company.
   */
  private Angles perSequence(int[] starts, int past) {
    int rows = starts[starts.length - 1];
    Angles angles = allocate(rows, List.of(0, rows));
    for (int i = 1; i < starts.length; i++) {
      int length = starts[i] - starts[i - 1];
      fill(angles, starts[i - 1], past, length, spec.inverseFrequencies(past + length));
    }
    return angles;
  }

  private Angles allocate(int rows, List<Integer> starts) {
    Shape shape = Shape.of(rows, spec.dims() / 2);
    // Collected with the table; a few hundred kilobytes to a few megabytes.
    Arena arena = Arena.ofAuto();
    return new Angles(
        Tensor.allocate(arena, DType.F32, shape), Tensor.allocate(arena, DType.F32, shape), starts);
  }

  private void fill(
      Angles angles, int firstRow, int firstPosition, int positions, float[] inverse) {
    float factor = (float) spec.scaling().attentionFactor();
    long index = (long) firstRow * inverse.length;
    for (int position = firstPosition; position < firstPosition + positions; position++) {
      for (float frequency : inverse) {
        double angle = position * frequency; // rounded to float32 first
        angles.cos().segment().set(Tensor.FLOAT, index << 2, (float) Math.cos(angle) * factor);
        angles.sin().segment().set(Tensor.FLOAT, index << 2, (float) Math.sin(angle) * factor);
        index++;
      }
    }
  }
}
