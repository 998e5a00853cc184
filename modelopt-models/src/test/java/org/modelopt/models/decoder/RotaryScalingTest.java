package org.modelopt.models.decoder;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.modelopt.tensor.Tensor;

/**
 * Inverse frequencies of heads of 16, against {@code transformers.modeling_rope_utils} 5.18. Both
 * are float32: powers may differ in their last bit.
 */
class RotaryScalingTest {
  private static final double ULPS = 3e-7;

  private static void assertFrequencies(RotarySpec spec, int length, double... expected) {
    float[] actual = spec.inverseFrequencies(length);
    assertEquals(expected.length, actual.length);
    for (int i = 0; i < expected.length; i++) {
      assertEquals(expected[i], actual[i], ULPS * expected[i], "frequency " + i);
    }
  }

  @Test
  void plainFrequenciesAreAGeometricSeries() {
    assertFrequencies(
        new RotarySpec(16, 10_000, new RotaryScaling.None()),
        100,
        1.0,
        0.316227764,
        0.100000001,
        0.0316227786,
        0.00999999978,
        0.00316227786,
        0.00100000005,
        0.000316227786);
  }

  @Test
  void linearDividesAllFrequencies() {
    assertFrequencies(
        new RotarySpec(16, 10_000, new RotaryScaling.Linear(2)),
        100,
        0.5,
        0.158113882,
        0.0500000007,
        0.0158113893,
        0.00499999989,
        0.00158113893,
        0.000500000024,
        0.000158113893);
  }

  @Test
  void dynamicKeepsFrequenciesUpToTheLengthOfPreTraining() {
    RotarySpec dynamic = new RotarySpec(16, 10_000, new RotaryScaling.Dynamic(4, 512));
    float[] plain = new RotarySpec(16, 10_000, new RotaryScaling.None()).inverseFrequencies(1);
    assertArrayEquals(plain, dynamic.inverseFrequencies(100));
    assertArrayEquals(plain, dynamic.inverseFrequencies(512));
  }

  @Test
  void dynamicStretchesTheBaseBeyondIt() {
    assertFrequencies(
        new RotarySpec(16, 10_000, new RotaryScaling.Dynamic(4, 512)),
        1500,
        1.0,
        0.232086256,
        0.0538640246,
        0.0125010991,
        0.00290133292,
        0.000673359493,
        0.000156277471,
        3.6269852e-05);
  }

  @Test
  void llama3StretchesLongWavelengths() {
    assertFrequencies(
        new RotarySpec(16, 500_000, new RotaryScaling.Llama3(8, 1, 4, 64)),
        100,
        1.0,
        0.079403013,
        0.00470075384,
        0.000911583134,
        0.000176776681,
        3.42810235e-05,
        6.64786967e-06,
        1.28917316e-06);
  }

  @Test
  void yarnRampsBetweenKeptAndStretched() {
    assertFrequencies(
        new RotarySpec(16, 10_000, new RotaryScaling.Yarn(4, 64, 32, 1, true, 1)),
        100,
        1.0,
        0.237170815,
        0.049999997,
        0.00790569466,
        0.00249999994,
        0.000790569466,
        0.000250000012,
        7.90569466e-05);
  }

  @Test
  void yarnKeepsFractionalRampEndsIfToldSo() {
    assertFrequencies(
        new RotarySpec(16, 150_000, new RotaryScaling.Yarn(32, 4096, 32, 1, false, 1)),
        100,
        1.0,
        0.225418001,
        0.0508132726,
        0.00679495931,
        0.000456483918,
        1.8188337e-05,
        4.09997847e-06,
        9.24208962e-07);
  }

  @Test
  void longRopeDividesByItsShortOrLongFactors() {
    RotarySpec spec =
        new RotarySpec(
            16,
            10_000,
            new RotaryScaling.LongRope(
                List.of(1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7),
                List.of(2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0),
                64,
                1));
    assertFrequencies(
        spec,
        64,
        1.0,
        0.287479758,
        0.0833333358,
        0.0243252143,
        0.00714285718,
        0.00210818532,
        0.000624999986,
        0.000186016332);
    assertFrequencies(
        spec,
        65,
        0.5,
        0.10540925,
        0.0250000004,
        0.00632455572,
        0.00166666671,
        0.000451753964,
        0.000125000006,
        3.51364179e-05);
  }

  @Test
  void tablesHoldCosineAndSineOfPositionTimesFrequencyTimesTheFactor() {
    RotarySpec spec = new RotarySpec(4, 100, new RotaryScaling.Yarn(1, 64, 32, 1, true, 1.5));
    RotaryTable.Angles angles = new RotaryTable(spec).angles(new int[] {0, 3, 10}, 0);
    assertEquals(7, angles.cos().shape().dim(0)); // the longest sequence
    float frequency = spec.inverseFrequencies(7)[1];
    assertEquals(1.5 * Math.cos(6 * frequency), at(angles.cos(), 6, 1), 1e-6);
    assertEquals(1.5 * Math.sin(6 * frequency), at(angles.sin(), 6, 1), 1e-6);
    assertArrayEquals(new int[] {0, 3, 10}, angles.startsArray());
  }

  @Test
  void tablesGrowWithTheSequences() {
    RotaryTable table = new RotaryTable(new RotarySpec(4, 100, new RotaryScaling.None()));
    RotaryTable.Angles small = table.angles(new int[] {0, 5}, 0);
    RotaryTable.Angles large = table.angles(new int[] {0, 1000}, 0);
    assertEquals(1000, large.cos().shape().dim(0));
    assertEquals(at(small.cos(), 4, 1), at(large.cos(), 4, 1));
    assertEquals(Math.cos(999), at(large.cos(), 999, 0), 1e-6);
  }

  @Test
  void aSequenceGetsTheFrequenciesOfItsOwnLengthInAnyCompany() {
    RotarySpec spec = new RotarySpec(4, 100, new RotaryScaling.Dynamic(2, 8));
    RotaryTable table = new RotaryTable(spec);
    RotaryTable.Angles together = table.angles(new int[] {0, 4, 20}, 0);
    RotaryTable.Angles alone = table.angles(new int[] {0, 16}, 0);
    assertArrayEquals(new int[] {0, 20}, together.startsArray());
    for (int row = 0; row < 16; row++) {
      for (int column = 0; column < 2; column++) {
        assertEquals(at(alone.sin(), row, column), at(together.sin(), 4 + row, column));
      }
    }
    assertEquals(Math.sin(3 * 0.1f), at(together.sin(), 3, 1), 1e-6); // short: not stretched
  }

  private static float at(Tensor tensor, int row, int column) {
    return tensor.getFloat(row * tensor.shape().dim(1) + column);
  }
}
