package org.modelopt.compute;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A fixed number of named daemon threads for loops over independent ranges.
 *
 * <p>The caller takes part in the work, so a pool of one runs everything on the calling thread. A
 * range is cut into chunks of a size the caller fixes, never by the number of threads: code that
 * keeps one partial result per chunk and merges them in chunk order gives the same bits for any
 * number of threads.
 */
public final class Workers implements AutoCloseable {
  /** Work on the indices {@code from} (inclusive) to {@code to} (exclusive). */
  @FunctionalInterface
  public interface RangeTask {
    /** Does the work; ranges of one loop never overlap. */
    void run(long from, long to);
  }

  private final int threads;
  private final ExecutorService pool;

  /**
   * Starts the threads.
   *
   * @param threads number of threads that work on a loop, the caller included; at least 1
   */
  public Workers(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException("threads must be at least 1 but is " + threads);
    }
    this.threads = threads;
    AtomicLong number = new AtomicLong();
    ThreadFactory factory =
        task -> {
          Thread thread = new Thread(task, "modelopt-worker-" + number.incrementAndGet());
          thread.setDaemon(true);
          return thread;
        };
    this.pool = Executors.newFixedThreadPool(Math.max(1, threads - 1), factory);
  }

  /** As many threads as the machine has processors. */
  public static Workers ofAvailableProcessors() {
    return new Workers(Runtime.getRuntime().availableProcessors());
  }

  /** Number of threads that work on a loop, the caller included. */
  public int threads() {
    return threads;
  }

  /**
   * Runs {@code task} over 0 to {@code count} in chunks of {@code chunk} indices (the last may be
   * shorter) and returns when all are done. Must not be called from within a task.
   *
   * @throws RuntimeException the first failure of a task, in chunk order of the thread that met it
   */
  public void forRange(long count, long chunk, RangeTask task) {
    if (chunk < 1) {
      throw new IllegalArgumentException("chunk must be at least 1 but is " + chunk);
    }
    long chunks = Math.ceilDiv(count, chunk);
    int helpers = (int) Math.min(threads - 1L, chunks - 1);
    AtomicLong next = new AtomicLong();
    Runnable loop =
        () -> {
          long index = next.getAndIncrement();
          while (index < chunks) {
            task.run(index * chunk, Math.min(count, (index + 1) * chunk));
            index = next.getAndIncrement();
          }
        };
    List<Future<?>> running = new ArrayList<>();
    for (int i = 0; i < helpers; i++) {
      running.add(pool.submit(loop));
    }
    try {
      loop.run();
    } finally {
      next.set(chunks);
      await(running);
    }
  }

  private static void await(List<Future<?>> running) {
    RuntimeException failure = null;
    for (Future<?> future : running) {
      try {
        future.get();
      } catch (ExecutionException e) {
        failure =
            failure != null ? failure : asUnchecked(Objects.requireNonNullElse(e.getCause(), e));
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        failure = failure != null ? failure : new IllegalStateException("interrupted", e);
      }
    }
    if (failure != null) {
      throw failure;
    }
  }

  private static RuntimeException asUnchecked(Throwable cause) {
    if (cause instanceof Error error) {
      throw error;
    }
    return cause instanceof RuntimeException e ? e : new IllegalStateException(cause);
  }

  /** Stops the threads; loops that run are not waited for. */
  @Override
  public void close() {
    pool.shutdownNow();
  }
}
