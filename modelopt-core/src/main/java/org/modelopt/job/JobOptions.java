package org.modelopt.job;

import java.nio.file.Path;
import java.util.Optional;
import org.modelopt.compute.Backend;
import org.modelopt.compute.BackendOptions;
import org.modelopt.compute.Backends;
import org.modelopt.compute.Precision;
import org.modelopt.model.Model;

/**
 * Where and how a job runs. Nothing here changes what is decided, but for the rounding of
 * activations ({@code precision}).
 *
 * @param device name of the backend ({@code cpu}, {@code cuda}, {@code cuda:1}); empty for the best
 *     there is
 * @param threads host threads
 * @param precision type of activations and weights in forward passes; empty for the model's own
 * @param activationBytes memory for activations between two layers; more goes to a file
 * @param spillDirectory where that file is made; empty for the system's temporary directory
 * @param progress receives progress
 * @param jobDirectory where the job keeps its journal, to be started again from where it was; empty
 *     for none
 * @param experts what is done for experts that see few tokens; changes what is decided for them
 */
public record JobOptions(
    Optional<String> device,
    int threads,
    Optional<Precision> precision,
    long activationBytes,
    Optional<Path> spillDirectory,
    Progress.Listener progress,
    Optional<Path> jobDirectory,
    ExpertPolicy experts) {
  /** Options of a job without a journal. */
  public JobOptions(
      Optional<String> device,
      int threads,
      Optional<Precision> precision,
      long activationBytes,
      Optional<Path> spillDirectory,
      Progress.Listener progress) {
    this(
        device,
        threads,
        precision,
        activationBytes,
        spillDirectory,
        progress,
        Optional.empty(),
        ExpertPolicy.SHARE);
  }

  /** Memory for activations unless said otherwise: 1 GiB. */
  public static final long DEFAULT_ACTIVATION_BYTES = 1L << 30;

  /** The best device, all processors, the model's precision, 1 GiB for activations. */
  public static JobOptions defaults() {
    return new JobOptions(
        Optional.empty(),
        Runtime.getRuntime().availableProcessors(),
        Optional.empty(),
        DEFAULT_ACTIVATION_BYTES,
        Optional.empty(),
        Progress.Listener.NONE);
  }

  /** A copy that runs on the backend called {@code name}. */
  public JobOptions withDevice(String name) {
    return new JobOptions(
        Optional.of(name),
        threads,
        precision,
        activationBytes,
        spillDirectory,
        progress,
        jobDirectory,
        experts);
  }

  /** A copy with another number of host threads. */
  public JobOptions withThreads(int newThreads) {
    return new JobOptions(
        device,
        newThreads,
        precision,
        activationBytes,
        spillDirectory,
        progress,
        jobDirectory,
        experts);
  }

  /** A copy that computes in {@code newPrecision}. */
  public JobOptions withPrecision(Precision newPrecision) {
    return new JobOptions(
        device,
        threads,
        Optional.of(newPrecision),
        activationBytes,
        spillDirectory,
        progress,
        jobDirectory,
        experts);
  }

  /**
   * A copy with another memory limit for activations; what exceeds it goes to {@code directory}.
   */
  public JobOptions withActivationLimit(long bytes, Path directory) {
    return new JobOptions(
        device, threads, precision, bytes, Optional.of(directory), progress, jobDirectory, experts);
  }

  /** A copy that reports progress to {@code listener}. */
  public JobOptions withProgress(Progress.Listener listener) {
    return new JobOptions(
        device,
        threads,
        precision,
        activationBytes,
        spillDirectory,
        listener,
        jobDirectory,
        experts);
  }

  /**
   * A copy that keeps a journal in {@code directory}; a job that finds its own journal there goes
   * on where that one ended, with the same result as if it had never been interrupted.
   */
  public JobOptions withJobDirectory(Path directory) {
    return new JobOptions(
        device,
        threads,
        precision,
        activationBytes,
        spillDirectory,
        progress,
        Optional.of(directory),
        experts);
  }

  /** A copy with another policy for experts that see few tokens. */
  public JobOptions withExperts(ExpertPolicy policy) {
    return new JobOptions(
        device,
        threads,
        precision,
        activationBytes,
        spillDirectory,
        progress,
        jobDirectory,
        policy);
  }

  /** Opens the device. */
  public Backend openBackend() {
    BackendOptions options = BackendOptions.defaults().withThreads(threads);
    return device.map(name -> Backends.open(name, options)).orElseGet(() -> Backends.open(options));
  }

  /** The precision for {@code model}. */
  public Precision precisionFor(Model model) {
    return precision.orElse(model.storedPrecision());
  }
}
