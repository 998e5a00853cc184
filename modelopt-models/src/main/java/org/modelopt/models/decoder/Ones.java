package org.modelopt.models.decoder;

import java.lang.foreign.Arena;
import java.util.Arrays;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** The weight of a norm that has none. */
final class Ones {
  private Ones() {}

  /** Host F32 {@code [count]} of ones. */
  static Tensor of(int count) {
    float[] ones = new float[count];
    Arrays.fill(ones, 1);
    return Tensor.ofFloats(Arena.ofAuto(), Shape.of(count), ones);
  }
}
