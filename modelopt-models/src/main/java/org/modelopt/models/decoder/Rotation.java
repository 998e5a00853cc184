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
    Tensor cos = onDevice(angles.cos(), table, run);
    Tensor sin = onDevice(angles.sin(), table, run);
    return tensors.stream()
        .map(x -> backend.rotate(x, headSize, cos, sin, starts, run.scope()))
        .toList();
  }

  private static Tensor onDevice(Tensor angles, RotaryTable table, LayerRun run) {
    return table.dependsOnLength()
        ? run.backend().toDevice(angles, angles.dtype(), run.scope())
        : run.constant(angles);
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
