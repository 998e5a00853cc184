package org.modelopt.examples.mlp;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.modelopt.config.Config;

class MlpExampleTest {
  @Test
  void bothFormatsKeepOutputsClose() {
    double int8 = MlpExample.relativeError(Config.INT8_DEFAULT);
    double fp8 = MlpExample.relativeError(Config.FP8_DEFAULT);
    assertTrue(int8 > 0 && int8 < 0.05, "INT8: " + int8);
    assertTrue(fp8 > 0 && fp8 < 0.05, "FP8: " + fp8);
  }
}
