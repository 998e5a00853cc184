package org.modelopt.transform;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;

/** Laws of rotation. */
class RotationProperties {
  /** Powers of two, and orders of both of Paley's constructions. */
  @Provide
  Arbitrary<Integer> orders() {
    return Arbitraries.of(1, 2, 16, 128, 12, 20, 28, 36, 48, 76, 96, 108, 148);
  }

  @Property(tries = 60)
  void rowsOfAMatrixAreOrthogonal(@ForAll("orders") int order) {
    float[] matrix = Hadamard.matrix(order);
    for (int i = 0; i < order; i++) {
      for (int j = 0; j <= i; j++) {
        int dot = 0;
        for (int k = 0; k < order; k++) {
          assertEquals(1, Math.abs(matrix[i * order + k]));
          dot += (int) (matrix[i * order + k] * matrix[j * order + k]);
        }
        assertEquals(i == j ? order : 0, dot);
      }
    }
  }

  @Property(tries = 100)
  void whatRotationDoesItsInverseUndoes(@ForAll("orders") int order, @ForAll long seed) {
    double[] values = new Random(seed).doubles(3L * order, -8, 8).toArray();
    double[] rotated = values.clone();
    Rotation.of(order).apply(rotated);
    assertEquals(norm(values), norm(rotated), 1e-9 * norm(values));
    Rotation.of(order).inverted().apply(rotated);
    for (int i = 0; i < values.length; i++) {
      assertEquals(values[i], rotated[i], 1e-12 * 8 * order);
    }
  }

  private static double norm(double... values) {
    double sum = 0;
    for (double value : values) {
      sum += value * value;
    }
    return sum;
  }

  @Property
  void aSingleSpikeSpreadsEvenly(@ForAll @IntRange(max = 255) int at) {
    double[] spike = new double[256];
    spike[at] = 100;
    Rotation.of(256).apply(spike);
    for (double value : spike) {
      assertEquals(6.25, Math.abs(value));
    }
  }

  @Property(tries = 1)
  void ordersWithoutAMatrixAreKnown() {
    assertFalse(Hadamard.exists(3));
    assertFalse(Hadamard.exists(6));
    assertTrue(Hadamard.exists(14336));
  }
}
