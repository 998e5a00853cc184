package org.modelopt.models.evaluation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;

/** Formulas and table 1 of Leviathan et al. 2023. */
class SpeculationProperties {
  @Property
  void isTheClosedForm(
      @ForAll @DoubleRange(min = 0, max = 0.99) double acceptance,
      @ForAll @IntRange(min = 1, max = 20) int drafted) {
    double expected = (1 - Math.pow(acceptance, drafted + 1)) / (1 - acceptance);
    assertEquals(expected, Speculation.tokensPerPass(acceptance, drafted), 1e-9 * expected);
  }

  @Example
  void publishedSpeeds() {
    // Acceptance, tokens drafted, speed with a draft that costs nothing.
    assertEquals(1.96, Speculation.speedup(0.6, 2, 0), 0.005);
    assertEquals(2.53, Speculation.speedup(0.7, 3, 0), 0.005);
    assertEquals(3.69, Speculation.speedup(0.8, 5, 0), 0.005);
    assertEquals(6.86, Speculation.speedup(0.9, 10, 0), 0.005);
    assertEquals(6.86 / 1.5, Speculation.speedup(0.9, 10, 0.05), 0.005);
    assertEquals(5, Speculation.tokensPerPass(1, 4), 0);
    assertEquals(1, Speculation.tokensPerPass(0, 4), 0);
  }

  @Example
  void refusesWhatIsNoShare() {
    assertThrows(IllegalArgumentException.class, () -> Speculation.tokensPerPass(1.5, 4));
    assertThrows(IllegalArgumentException.class, () -> Speculation.tokensPerPass(Double.NaN, 4));
    assertThrows(IllegalArgumentException.class, () -> Speculation.tokensPerPass(0.5, 0));
  }
}
