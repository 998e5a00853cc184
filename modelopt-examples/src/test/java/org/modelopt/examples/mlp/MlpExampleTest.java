package org.modelopt.examples.mlp;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.modelopt.config.Config;

class MlpExampleTest {
  /**
   * FP8 changes every factor of a product by 2.65% (root mean square of E4M3's rounding), so a
   * product by 3.7% and the two products of a layer, of which the first is squared by the gate, by
   * 6.5%; three layers on a residual stream stay below twice that. INT8 is finer but per tensor,
   * and gated products have heavy tails: the same network in numpy moves by 7%.
   */
  @Test
  void bothFormatsKeepOutputsClose() {
    double int8 = MlpExample.relativeError(Config.INT8_DEFAULT);
    double fp8 = MlpExample.relativeError(Config.FP8_DEFAULT);
    assertTrue(int8 > 0 && int8 < 0.13, "INT8: " + int8);
    assertTrue(fp8 > 0 && fp8 < 0.13, "FP8: " + fp8);
  }
}
