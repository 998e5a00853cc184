package org.modelopt.models.decoder;

import java.util.List;
import org.modelopt.compute.Backend;
import org.modelopt.model.LayerRun;
import org.modelopt.tensor.Tensor;

/** Rotates heads by the angles of a table. */
final class Rotation {
  private Rotation() {}

  /** Rotates tensors {@code [t, heads * headSize]} by the positions of {@code run}. */
  static List<Tensor> rotate(RotaryTable table, int headSize, List<Tensor> tensors, LayerRun run) {
    Backend backend = run.backend();
    RotaryTable.Angles angles = table.angles(run.starts(), run.past());
    int[] starts = angles.startsArray();
    Tensor cos = backend.toDevice(angles.cos(), angles.cos().dtype(), run.scope());
    Tensor sin = backend.toDevice(angles.sin(), angles.sin().dtype(), run.scope());
    return tensors.stream()
        .map(x -> backend.rotate(x, headSize, cos, sin, starts, run.scope()))
        .toList();
  }

  /**
   * Columns that bring pairs of neighbours among the first {@code dims} of {@code from} on to the
   * places that {@link Backend#rotate} pairs: the even ones, then the odd ones. Dot products of two
   * heads reordered alike stay the same.
   */
  static void halves(int from, int dims, int[] columns, int at) {
    for (int i = 0; i < dims / 2; i++) {
      columns[at + i] = from + 2 * i;
      columns[at + dims / 2 + i] = from + 2 * i + 1;
    }
  }
}
