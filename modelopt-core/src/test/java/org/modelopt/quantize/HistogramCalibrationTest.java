package org.modelopt.quantize;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.modelopt.numeric.IntFormat;
import org.modelopt.statistics.Histogram;

/** Figures for 0 to 99 are those of Model-Optimizer 0.47 (commit a2fbac7). */
class HistogramCalibrationTest {
  private static Histogram upTo99() {
    Histogram histogram = new Histogram();
    float[] values = new float[100];
    for (int i = 0; i < 100; i++) {
      values[i] = i;
    }
    histogram.add(values);
    return histogram;
  }

  @Test
  void percentilesAreThoseOfTheReference() {
    assertEquals(78.98730, HistogramCalibration.percentile(upTo99(), 80), 1e-4);
    assertEquals(88.99365, HistogramCalibration.percentile(upTo99(), 90), 1e-4);
    assertEquals(98.95166, HistogramCalibration.percentile(upTo99(), 99.99), 1e-4);
  }

  @Test
  void aLargerValueAddsBinsOfTheSameWidth() {
    Histogram histogram = upTo99();
    histogram.add(198f);
    assertEquals(4096, histogram.counts().length);
    assertEquals(99, histogram.edge(2048), 1e-9);
  }

  @Test
  void valuesThatAreNotFiniteAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> new Histogram().add(Float.NaN));
  }

  @Test
  void entropyAndSquaredErrorCutALoneOutlier() {
    Histogram histogram = new Histogram();
    float[] values = new float[20001];
    for (int i = 0; i < 20000; i++) {
      values[i] = (i + 1) / 20000f;
    }
    values[20000] = 10;
    histogram.add(values);
    double entropy = HistogramCalibration.entropy(histogram, 8);
    double squared = HistogramCalibration.meanSquaredError(histogram, IntFormat.INT4);
    assertTrue(entropy > 0.95 && entropy < 1.3, "entropy chose " + entropy);
    assertTrue(squared > 0.9 && squared < 10, "squared error chose " + squared);
  }
}
