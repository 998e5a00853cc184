package org.modelopt.decision;

import java.lang.foreign.Arena;
import java.util.Optional;
import org.modelopt.numeric.Scales;

/**
 * Scales whose tensors are in memory only while they are used.
 *
 * @param values as {@link Scales#values()}
 * @param globalScale as {@link Scales#globalScale()}
 * @param zeroPoints as {@link Scales#zeroPoints()}
 */
public record StoredScales(
    StoredTensor values, float globalScale, Optional<StoredTensor> zeroPoints) {
  /** Scales that stay in memory. */
  public static StoredScales of(Scales scales) {
    return new StoredScales(
        StoredTensor.of(scales.values()),
        scales.globalScale(),
        scales.zeroPoints().map(StoredTensor::of));
  }

  /** The scales, see {@link StoredTensor#open}. */
  public Scales open(Arena arena) {
    return new Scales(
        values.open(arena), globalScale, zeroPoints.map(points -> points.open(arena)));
  }
}
