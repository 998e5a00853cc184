package org.modelopt.job;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;
import org.modelopt.model.Model;

/**
 * The parameters of one layer after another. On a device with memory of its own, those of the next
 * layer go there while one layer runs. Used by one thread.
 */
public final class ParameterLoader implements AutoCloseable {
  private final Model model;
  private final Pass pass;
  private final ExecutorService thread;
  private @Nullable CompletableFuture<LayerParameters> next;
  private int nextIndex = -1;

  /** A loader that has loaded nothing; {@code pass} says where to. */
  public ParameterLoader(Model model, Pass pass) {
    this.model = model;
    this.pass = pass;
    this.thread =
        Executors.newSingleThreadExecutor(task -> {
          Thread loader = new Thread(task, "modelopt-loader");
          loader.setDaemon(true);
          return loader;
        });
  }

  /**
   * Parameters of layer {@code index}, to be closed by the caller; begins with those of the layer
   * after it, unless that is beyond {@code last}.
   */
  public LayerParameters take(int index, int last) {
    CompletableFuture<LayerParameters> coming = nextIndex == index ? next : null;
    next = null;
    LayerParameters parameters = coming == null ? load(index) : result(coming);
    if (index < last && pass.backend().activationBytes() > 0) {
      nextIndex = index + 1;
      next = CompletableFuture.supplyAsync(() -> load(index + 1), thread);
    }
    return parameters;
  }

  private LayerParameters load(int index) {
    return LayerParameters.load(model, model.layers().get(index), pass);
  }

  private static LayerParameters result(CompletableFuture<LayerParameters> coming) {
    try {
      return coming.join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw e;
    }
  }

  @Override
  public void close() {
    thread.shutdown();
    CompletableFuture<LayerParameters> coming = next;
    next = null;
    if (coming != null) {
      coming
          .handle((parameters, failure) -> {
            if (parameters != null) {
              parameters.close();
            }
            return true;
          })
          .join();
    }
  }
}
