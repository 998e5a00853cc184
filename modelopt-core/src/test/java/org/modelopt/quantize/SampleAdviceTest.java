package org.modelopt.quantize;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SampleAdviceTest {
  @ParameterizedTest
  @ValueSource(longs = {1, 511})
  void fewSamplesAreWarnedOf(long samples) {
    SampleAdvice advice = SampleAdvice.on(samples).orElseThrow();
    assertTrue(advice.few());
    assertEquals(
        "Calibrated on " + samples + " samples; from 512 on scales are steadier.", advice.text());
  }

  @ParameterizedTest
  @ValueSource(longs = {512, 1023})
  void enoughSamplesNeedNoWord(long samples) {
    assertEquals(Optional.empty(), SampleAdvice.on(samples));
  }

  @Test
  void moreThanEnoughAreSaidToBuyLittle() {
    SampleAdvice advice = SampleAdvice.on(1024).orElseThrow();
    assertFalse(advice.few());
    assertEquals("Calibrated on 1,024 samples; more than 1,024 buy little.", advice.text());
  }
}
