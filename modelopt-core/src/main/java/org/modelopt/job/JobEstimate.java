package org.modelopt.job;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.modelopt.compute.Backend;
import org.modelopt.compute.Precision;
import org.modelopt.compute.Scope;
import org.modelopt.config.Config;
import org.modelopt.config.Plan;
import org.modelopt.config.Plan.PlannedLinear;
import org.modelopt.model.InputGroup;
import org.modelopt.model.Layer;
import org.modelopt.model.Linear;
import org.modelopt.model.Model;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;

/**
 * What a job will take, before it runs: rough, meant to tell minutes from hours and whether memory
 * and disk will do.
 *
 * @param peakMemoryBytes resident memory: the Java virtual machine, the largest layer, activations
 *     up to their limit, what one sample needs within a layer, and the largest tensor while it is
 *     written; mapped weights count
 * @param temporaryDiskBytes activations past their limit and, with a journal, those kept in it
 * @param calibrationSeconds products of all layers that are run, at the speed at which this machine
 *     multiplied when asked; 0 if no layer is run
 */
public record JobEstimate(
    long peakMemoryBytes, long temporaryDiskBytes, double calibrationSeconds) {
  /** Code, heap and buffers of a Java virtual machine that runs a job: seen, not derived. */
  private static final long VIRTUAL_MACHINE_BYTES = 300L << 20;

  private static final int PROBE_ROWS = 256;
  private static final int PROBE_FEATURES = 1024;
  private static final long PROBE_NANOS = 200_000_000;

  /**
   * Estimates the job that calibrates {@code model} by each of {@code configs} on {@code samples}.
   * Multiplies for a quarter of a second to learn the speed of {@code backend}; reads the embedding
   * of one sample.
   *
   * @param samples empty if no config needs any
   */
  public static JobEstimate of(
      Model model,
      List<Config> configs,
      List<Tensor> samples,
      JobOptions options,
      Backend backend) {
    Precision precision = options.precisionFor(model);
    long tokens = samples.stream().mapToLong(sample -> sample.shape().dim(0)).sum();
    long longest = samples.stream().mapToLong(sample -> sample.shape().dim(0)).max().orElse(0);
    long activations =
        samples.isEmpty()
            ? 0
            : bytesPerToken(model, samples.getFirst(), precision, backend) * tokens;
    long inMemory = Math.min(activations, options.activationBytes());
    long layer =
        samples.isEmpty()
            ? 0
            : model.layers().stream()
                .mapToLong(one -> layerBytes(model, one, precision, longest))
                .max()
                .orElse(0);
    long tensor =
        model.tensors().tensors().stream().mapToLong(TensorInfo::byteSize).max().orElse(0);
    long memory = VIRTUAL_MACHINE_BYTES + Math.max(layer + inMemory, 2 * tensor);
    long kept = options.jobDirectory().isPresent() ? 2 * activations : 0;
    double seconds =
        samples.isEmpty() ? 0 : operations(model, configs, tokens) / speed(precision, backend);
    return new JobEstimate(memory, activations - inMemory + kept, seconds);
  }

  private static long bytesPerToken(
      Model model, Tensor sample, Precision precision, Backend backend) {
    try (Scope scope = backend.openScope()) {
      Tensor input = model.input(sample, precision, backend, scope);
      return input.byteSize() / sample.shape().dim(0);
    }
  }

  /** Weights, once more if they are converted, and inputs and outputs of all products. */
  private static long layerBytes(Model model, Layer layer, Precision precision, long rows) {
    long bytes = 0;
    for (InputGroup group : layer.inputGroups()) {
      bytes += rows * group.inFeatures() * precision.dtype().byteSize(1);
      for (Linear linear : group.linears()) {
        Optional<TensorInfo> stored = model.tensors().find(linear.weightName());
        bytes += stored.map(TensorInfo::byteSize).orElse(0L);
        if (stored.isPresent() && stored.get().dtype() != precision.dtype()) {
          bytes += precision.dtype().byteSize(linear.elements());
        }
        bytes += rows * linear.outFeatures() * precision.dtype().byteSize(1);
      }
    }
    return bytes;
  }

  /**
   * Floating-point operations: of products, and of second moments where an algorithm wants them.
   */
  private static double operations(Model model, List<Config> configs, long tokens) {
    Map<String, PlannedLinear> planned =
        configs.stream()
            .flatMap(config -> Plan.of(model, config).quantized())
            .collect(
                Collectors.toMap(one -> one.linear().name(), Function.identity(), (a, b) -> a));
    boolean moments = configs.stream().anyMatch(config -> config.algorithm().needsSecondMoments());
    List<Layer> layers = model.layers();
    int last = layers.size() - 1;
    while (last >= 0 && linears(layers.get(last)).noneMatch(planned::containsKey)) {
      last--;
    }
    double operations = 0;
    for (Layer layer : layers.subList(0, last + 1)) {
      for (InputGroup group : layer.inputGroups()) {
        for (Linear linear : group.linears()) {
          operations += 2.0 * tokens * linear.elements();
        }
        operations += moments ? (double) tokens * group.inFeatures() * group.inFeatures() : 0;
      }
    }
    return operations;
  }

  private static Stream<String> linears(Layer layer) {
    return layer.inputGroups().stream()
        .flatMap(group -> group.linears().stream())
        .map(Linear::name);
  }

  /** Floating-point operations a second of a product of middling size. */
  private static double speed(Precision precision, Backend backend) {
    try (Scope scope = backend.openScope();
        Arena arena = Arena.ofShared()) {
      Tensor x = ones(arena, PROBE_ROWS, precision, backend, scope);
      Tensor weight = ones(arena, PROBE_FEATURES, precision, backend, scope);
      multiply(x, weight, backend);
      long start = System.nanoTime();
      long products = 0;
      long nanos = 0;
      while (nanos < PROBE_NANOS) {
        multiply(x, weight, backend);
        products++;
        nanos = System.nanoTime() - start;
      }
      double each = 2.0 * PROBE_ROWS * PROBE_FEATURES * PROBE_FEATURES;
      return products * each / (nanos / 1e9);
    }
  }

  private static Tensor ones(
      Arena arena, int rows, Precision precision, Backend backend, Scope scope) {
    float[] values = new float[rows * PROBE_FEATURES];
    Arrays.fill(values, 1f);
    Tensor host = Tensor.ofFloats(arena, Shape.of(rows, PROBE_FEATURES), values);
    return backend.toDevice(host, precision.dtype(), scope);
  }

  private static void multiply(Tensor x, Tensor weight, Backend backend) {
    try (Scope scope = backend.openScope()) {
      backend.toHost(backend.linear(x, weight, Optional.empty(), scope), scope);
    }
  }
}
