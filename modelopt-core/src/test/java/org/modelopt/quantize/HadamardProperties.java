package org.modelopt.quantize;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/** Laws of rotation. */
class HadamardProperties {
  @Property(tries = 200)
  void rotatingInputsAndWeightsLeavesProductsAsTheyWere(
      @ForAll long seed, @ForAll @IntRange(max = 4) int power) {
    Random random = new Random(seed);
    Matrix both = Matrix.zeros(2, 48);
    for (int i = 0; i < 96; i++) {
      both.values()[i] = random.nextFloat(-8, 8);
    }
    Matrix rotated = Hadamard.rotate(both, 1 << power);
    // 48 products of at most 64, each of two factors rounded once: 48 * 64 * 2^-22.
    assertEquals(dot(both), dot(rotated), 48 * 64 * 0x1p-22);
  }

  private static double dot(Matrix m) {
    double sum = 0;
    for (int j = 0; j < m.columns(); j++) {
      sum += (double) m.get(0, j) * m.get(1, j);
    }
    return sum;
  }

  @Property
  void aSingleSpikeSpreadsEvenly(@ForAll @IntRange(max = 255) int at) {
    Matrix spike = Matrix.zeros(1, 256);
    spike.values()[at] = 100;
    for (float value : Hadamard.rotate(spike, 256).values()) {
      assertEquals(6.25f, Math.abs(value));
    }
  }
}
