package org.modelopt.models.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/** Requests beyond the queue and requests that take too long are turned away. */
class WorkQueueTest {
  private static final long LONG = 60_000;

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Test
  void whatDoesNotFitIntoTheQueueIsRefusedAndTheRestIsDone() {
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    try (WorkQueue queue = new WorkQueue(1, LONG);
        ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
      CompletableFuture<Integer> first =
          CompletableFuture.supplyAsync(
              () ->
                  queue.run(cancelled -> {
                    begun.countDown();
                    await(go);
                    return 1;
                  }),
              clients);
      await(begun);
      // One place: of two more requests one waits and the other is refused, whichever comes later.
      AtomicReference<RequestException> refused = new AtomicReference<>();
      CountDownLatch turnedAway = new CountDownLatch(1);
      CompletableFuture<?>[] more = new CompletableFuture<?>[2];
      for (int i = 0; i < more.length; i++) {
        more[i] =
            CompletableFuture.supplyAsync(
                () -> {
                  try {
                    return queue.run(cancelled -> 2);
                  } catch (RequestException e) {
                    refused.set(e);
                    turnedAway.countDown();
                    return 0;
                  }
                },
                clients);
      }
      await(turnedAway);
      go.countDown();
      assertEquals(1, first.join());
      assertEquals(2, (int) more[0].join() + (int) more[1].join());
      assertEquals(503, refused.get().status());
    }
  }

  @Test
  void whatTakesTooLongIsGivenUpAndToldSo() {
    CountDownLatch told = new CountDownLatch(1);
    try (WorkQueue queue = new WorkQueue(1, 20)) {
      RequestException late =
          assertThrows(
              RequestException.class,
              () ->
                  queue.run(cancelled -> {
                    while (!cancelled.getAsBoolean()) {
                      Thread.onSpinWait();
                    }
                    told.countDown();
                    return 1;
                  }));
      assertEquals(504, late.status());
      await(told);
    }
  }
}
