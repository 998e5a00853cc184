package org.modelopt.compute;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WorkersTest {
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 8})
  void everyIndexIsVisitedOnceInRangesOfTheGivenSize(int threads) {
    try (Workers workers = new Workers(threads)) {
      for (int count : new int[] {0, 1, 6, 7, 8, 100}) {
        AtomicIntegerArray visits = new AtomicIntegerArray(count);
        workers.forRange(
            count,
            7,
            (from, to) -> {
              assertTrue(from % 7 == 0 && to - from <= 7, from + " to " + to);
              for (long i = from; i < to; i++) {
                visits.incrementAndGet((int) i);
              }
            });
        for (int i = 0; i < count; i++) {
          assertEquals(1, visits.get(i), "index " + i + " of " + count);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 4})
  void aFailureInATaskReachesTheCallerAndThePoolStaysUsable(int threads) {
    try (Workers workers = new Workers(threads)) {
      IllegalStateException e =
          assertThrows(
              IllegalStateException.class,
              () ->
                  workers.forRange(
                      50,
                      1,
                      (from, to) -> {
                        if (from == 33) {
                          throw new IllegalStateException("chunk " + from);
                        }
                      }));
      assertEquals("chunk 33", e.getMessage());
      AtomicIntegerArray visits = new AtomicIntegerArray(10);
      workers.forRange(10, 1, (from, to) -> visits.incrementAndGet((int) from));
      for (int i = 0; i < 10; i++) {
        assertEquals(1, visits.get(i));
      }
    }
  }
}
