package org.modelopt.models.advice;

import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * Estimates formats on a GPU and recommends one.
 *
 * <p>Memory: weights, then key-value cache, within {@value #USABLE_MEMORY} of the GPUs' memory; the
 * rest is for activations and the runtime (vLLM's default share). Time of a decoding step of {@code
 * b} sequences: the longer of {@code (weight bytes read + b * context * cache bytes per token) /
 * bandwidth} and {@code 2 * b * parameters multiplied / operations per second}, both at {@value
 * #EFFICIENCY} of the data sheet's rate, evenly spread over the GPUs, communication left out. A
 * mixture of E experts with k per token reads {@code 1 - (1 - k/E)^b} of its experts' weights,
 * which takes routing as uniform. Cost: {@code dollars per hour * GPUs / (tokens per second * 3600)
 * * 1e6}.
 */
public final class Advisor {
  /** Share of the memory that holds weights and cache. */
  public static final double USABLE_MEMORY = 0.9;

  /** Share of a data sheet's bandwidth and matrix rate that kernels are taken to reach. */
  public static final double EFFICIENCY = 0.6;

  /** Below this many parameters, 4-bit weights are recommended only where nothing else fits. */
  static final double SMALL_MODEL = 3e9;

  /** Up to this many sequences, reading the weights outweighs multiplying. */
  static final int FEW_SEQUENCES = 8;

  private static final double SECONDS_PER_HOUR = 3600;
  private static final double MILLION = 1e6;

  private final Blueprint model;
  private final Gpu gpu;
  private final Workload workload;
  private final OptionalDouble dollarsPerHour;

  /**
   * An advisor for one model on one kind of GPU.
   *
   * @param dollarsPerHour price of one GPU; empty for the catalogue's, if it has one
   */
  public Advisor(Blueprint model, Gpu gpu, Workload workload, OptionalDouble dollarsPerHour) {
    this.model = model;
    this.gpu = gpu;
    this.workload = workload;
    this.dollarsPerHour =
        dollarsPerHour.isPresent() || gpu.price().isEmpty()
            ? dollarsPerHour
            : OptionalDouble.of(gpu.price().get().dollarsPerHour());
  }

  /** Every format that is known, widest first. */
  public List<Estimate> estimates() {
    return Format.ALL.stream().map(this::estimate).toList();
  }

  /** The estimate for {@code format}. */
  public Estimate estimate(Format format) {
    Blueprint.Footprint weights = format.config().map(model::footprint).orElseGet(model::unchanged);
    double cachePerToken = model.cacheElementsPerToken() * workload.cacheBits() / 8.0;
    double free = workload.gpus() * gpu.memoryBytes() * USABLE_MEMORY - weights.bytes();
    long tokens = free <= 0 ? 0 : (long) (free / Math.max(cachePerToken, 1));
    int batch = (int) Math.min(workload.concurrency(), tokens / workload.context());
    double rate = batch == 0 ? 0 : batch / stepSeconds(format, weights, cachePerToken, batch);
    OptionalDouble cost =
        batch == 0 || dollarsPerHour.isEmpty()
            ? OptionalDouble.empty()
            : OptionalDouble.of(
                dollarsPerMillion(dollarsPerHour.getAsDouble() * workload.gpus(), rate));
    return new Estimate(
        format, format.suits(gpu), weights.bytes(), cachePerToken, tokens, batch, rate, cost);
  }

  private double stepSeconds(
      Format format, Blueprint.Footprint weights, double cachePerToken, int batch) {
    double bytes =
        weights.read(batch, model.experts(), model.expertsPerToken())
            + batch * (double) workload.context() * cachePerToken;
    double operations = 2 * batch * model.multipliedParameters();
    double speedup = workload.gpus() * EFFICIENCY;
    return Math.max(
        bytes / (gpu.bytesPerSecond() * speedup),
        operations / (gpu.rate(format.products()) * speedup));
  }

  /** {@code dollarsPerHour / (tokensPerSecond * 3600) * 1e6}. */
  public static double dollarsPerMillion(double dollarsPerHour, double tokensPerSecond) {
    return dollarsPerHour / (tokensPerSecond * SECONDS_PER_HOUR) * MILLION;
  }

  /**
   * The format to choose: NVFP4 where the GPU multiplies it and the model has at least 3e9
   * parameters, else FP8, else INT8, else whatever 4-bit format fits; on GPUs without FP8, INT4
   * weights for up to {@value #FEW_SEQUENCES} sequences at once.
   *
   * @return empty if it fits in no format
   */
  public Optional<Recommendation> recommend() {
    boolean large = model.parameters() >= SMALL_MODEL;
    for (Format format : preferred(large)) {
      if (format.suits(gpu) && estimate(format).fits()) {
        return Optional.of(new Recommendation(format, reason(format, large)));
      }
    }
    return Optional.empty();
  }

  private List<Format> preferred(boolean large) {
    if (!gpu.multiplies("FP8") && workload.concurrency() <= FEW_SEQUENCES) {
      return List.of(Format.INT4, Format.INT8);
    }
    return large
        ? List.of(Format.NVFP4, Format.FP8, Format.INT8, Format.MXFP4, Format.INT4)
        : List.of(Format.FP8, Format.INT8, Format.NVFP4, Format.MXFP4, Format.INT4);
  }

  private String reason(Format format, boolean large) {
    String hardware = gpu.name() + " (" + gpu.architecture() + ")";
    return switch (format.name()) {
      case "NVFP4" ->
          large
              ? hardware
                  + " multiplies NVFP4 at twice its FP8 rate, and a model of this size keeps"
                  + " its quality; check the evaluation, and take FP8 where it is not enough"
              : "nothing wider fits into " + workload.gpus() + " x " + hardware;
      case "FP8" ->
          hardware + " multiplies FP8 at twice its BF16 rate; half the memory, least loss";
      case "INT8" ->
          hardware + " has no FP8; INT8 with smoothing doubles the rate at half the memory";
      case "MXFP4" -> hardware + " multiplies MXFP4; wider formats do not fit";
      default ->
          !gpu.multiplies("FP8") && workload.concurrency() <= FEW_SEQUENCES
              ? hardware
                  + " has no FP8, and few sequences at once are bound by reading weights: 4-bit"
                  + " weights read fastest; take INT8 for many sequences"
              : "wider formats do not fit into "
                  + workload.gpus()
                  + " x "
                  + hardware
                  + "; 4-bit weights save memory, products run in BF16";
    };
  }

  /**
   * A choice and why.
   *
   * @param format the format; its preset is {@link Format#config()}
   * @param reason one sentence
   */
  public record Recommendation(Format format, String reason) {}
}
