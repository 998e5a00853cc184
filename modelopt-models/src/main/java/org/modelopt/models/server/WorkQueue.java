package org.modelopt.models.server;

import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.function.Function;

/** Runs requests one after the other on one thread, a bounded number of others waiting. */
final class WorkQueue implements AutoCloseable {
  private final ThreadPoolExecutor worker;
  private final long timeoutMillis;

  WorkQueue(int waiting, long timeoutMillis) {
    this.timeoutMillis = timeoutMillis;
    this.worker =
        new ThreadPoolExecutor(
            1,
            1,
            0,
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(waiting),
            task -> {
              Thread thread = new Thread(task, "modelopt-completions");
              thread.setDaemon(true);
              return thread;
            });
  }

  /**
   * Runs {@code work}, which asks its argument now and then whether to give up.
   *
   * @throws RequestException if too many wait, or it is not done in time
   */
  <T> T run(Function<BooleanSupplier, T> work) {
    AtomicBoolean cancelled = new AtomicBoolean();
    Future<T> result;
    try {
      result =
          worker.submit(() -> {
            if (cancelled.get()) {
              throw new IllegalStateException("given up before it began");
            }
            return work.apply(cancelled::get);
          });
    } catch (RejectedExecutionException e) {
      throw new RequestException(
          503, "server_error", "too many requests are waiting; try again later");
    }
    try {
      return result.get(timeoutMillis, TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      cancelled.set(true);
      throw new RequestException(
          504, "server_error", "not done within %d ms; ask for less".formatted(timeoutMillis));
    } catch (InterruptedException e) {
      cancelled.set(true);
      Thread.currentThread().interrupt();
      throw new RequestException(503, "server_error", "the server is closing");
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException failure) {
        throw failure;
      }
      throw new IllegalStateException(e.getCause());
    }
  }

  /** Waits for the request that runs; those that wait are dropped. */
  @Override
  public void close() {
    worker.shutdownNow();
    try {
      worker.awaitTermination(timeoutMillis, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
