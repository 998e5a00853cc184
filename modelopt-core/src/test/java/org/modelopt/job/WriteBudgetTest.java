package org.modelopt.job;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class WriteBudgetTest {
  private static final long SECOND = 1_000_000_000;

  private final AtomicLong clock = new AtomicLong(-5); // nanoTime may be negative
  private final WriteBudget budget = new WriteBudget(clock::get);

  @Test
  void beforeTheFirstWriteFiveHundredMegabytesASecondAreAssumed() {
    clock.addAndGet(10 * SECOND);
    assertTrue(budget.allows(500_000_000));
    assertFalse(budget.allows(500_000_001));
  }

  @Test
  void writingStaysUnderATenthOfTheTime() {
    long writing = 0;
    for (int layer = 0; layer < 100; layer++) {
      clock.addAndGet(SECOND);
      if (budget.allows(100_000_000)) {
        budget.begin();
        clock.addAndGet(SECOND / 2); // slower than assumed
        writing += SECOND / 2;
        budget.end(100_000_000);
      }
    }
    long all = clock.get() + 5;
    assertTrue(writing > 0.08 * all, "as often as the share allows: " + writing + " of " + all);
    assertTrue(writing <= 0.1 * all + SECOND / 2, writing + " of " + all);
  }
}
