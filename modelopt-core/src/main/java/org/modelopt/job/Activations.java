package org.modelopt.job;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.modelopt.compute.Scope;
import org.modelopt.model.Layer;
import org.modelopt.model.Model;
import org.modelopt.safetensors.SafetensorsFile;
import org.modelopt.safetensors.SafetensorsLayout;
import org.modelopt.safetensors.SafetensorsWriter;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;

/**
 * The activations of all samples between two layers of a model. Samples run one at a time, in
 * order, and never see each other.
 */
public final class Activations implements AutoCloseable {
  /** Receives what the last layer gives for one sample; the tensor is gone afterwards. */
  @FunctionalInterface
  public interface Output {
    /** Called in sample order. */
    void accept(int sample, Tensor activation);
  }

  /** Called after each sample of a layer. */
  @FunctionalInterface
  public interface Tick {
    /** One more sample is done. */
    void tick();
  }

  private final ActivationStore store;

  private Activations(ActivationStore store) {
    this.store = store;
  }

  /**
   * The inputs of the first layer.
   *
   * @param samples as {@link Model#input} takes them
   */
  public static Activations of(Model model, List<Tensor> samples, Pass pass, JobOptions options) {
    ActivationStore store =
        new ActivationStore(
            pass.backend(), samples.size(), options.activationBytes(), options.spillDirectory());
    try {
      for (int i = 0; i < samples.size(); i++) {
        try (Scope scope = pass.backend().openScope()) {
          Tensor input = model.input(samples.get(i), pass.precision(), pass.backend(), scope);
          store.put(i, input, scope);
        }
      }
      return new Activations(store);
    } catch (RuntimeException | Error e) {
      store.close();
      throw e;
    }
  }

  /** Activations that {@link #write} wrote. */
  static Activations read(Path file, int samples, Pass pass, JobOptions options) {
    ActivationStore store =
        new ActivationStore(
            pass.backend(), samples, options.activationBytes(), options.spillDirectory());
    try {
      SafetensorsFile stored = SafetensorsFile.open(file);
      for (int i = 0; i < samples; i++) {
        try (Arena arena = Arena.ofShared();
            Scope scope = pass.backend().openScope()) {
          store.put(i, stored.open(name(i), arena), scope);
        }
      }
      return new Activations(store);
    } catch (RuntimeException | Error e) {
      store.close();
      throw e;
    }
  }

  /** Writes the activations of all samples to a new file. */
  void write(Path file) {
    List<TensorInfo> infos =
        IntStream.range(0, samples()).mapToObj(i -> store.info(i, name(i))).toList();
    try (SafetensorsWriter writer = SafetensorsWriter.create(file, SafetensorsLayout.of(infos))) {
      for (int i = 0; i < samples(); i++) {
        store.write(i, name(i), writer);
      }
      writer.finish();
    }
  }

  private static String name(int sample) {
    return "sample." + sample;
  }

  /** Number of samples. */
  public int samples() {
    return store.samples();
  }

  /** Bytes of all activations. */
  public long byteSize() {
    return IntStream.range(0, samples()).mapToLong(i -> store.info(i, "").byteSize()).sum();
  }

  /** Bytes held in a file because memory for activations was used up. */
  public long spilledBytes() {
    return store.spilledBytes();
  }

  /** Runs {@code layer} on every sample; its results become the activations. */
  public void advance(Layer layer, LayerParameters parameters, Pass pass, Tick tick) {
    for (int i = 0; i < samples(); i++) {
      try (Scope scope = pass.backend().openScope()) {
        store.put(i, run(i, layer, parameters, pass, scope), scope);
      }
      tick.tick();
    }
  }

  /** What {@code layer} makes of every sample; these activations stay. */
  public Activations advanced(
      Layer layer, LayerParameters parameters, Pass pass, JobOptions options) {
    ActivationStore next =
        new ActivationStore(
            pass.backend(), samples(), options.activationBytes(), options.spillDirectory());
    try {
      for (int i = 0; i < samples(); i++) {
        try (Scope scope = pass.backend().openScope()) {
          next.put(i, run(i, layer, parameters, pass, scope), scope);
        }
      }
      return new Activations(next);
    } catch (RuntimeException | Error e) {
      next.close();
      throw e;
    }
  }

  /** Runs {@code layer} on every sample and hands the results out; the activations stay. */
  public void drain(Layer layer, LayerParameters parameters, Pass pass, Output output, Tick tick) {
    for (int i = 0; i < samples(); i++) {
      try (Scope scope = pass.backend().openScope()) {
        output.accept(i, run(i, layer, parameters, pass, scope));
      }
      tick.tick();
    }
  }

  /** Runs {@code layer} on one sample; the result lives in {@code scope}, the activations stay. */
  public Tensor output(
      int sample, Layer layer, LayerParameters parameters, Pass pass, Scope scope) {
    return run(sample, layer, parameters, pass, scope);
  }

  private Tensor run(int sample, Layer layer, LayerParameters parameters, Pass pass, Scope scope) {
    Tensor x = store.get(sample, scope);
    int rows = Math.toIntExact(x.shape().dim(0));
    return layer.forward(x, new ForwardPass(pass, parameters, scope, 0, rows));
  }

  @Override
  public void close() {
    store.close();
  }
}
