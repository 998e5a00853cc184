package org.modelopt.export.verify;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import org.modelopt.export.verify.report.Consumer;

/**
 * What an export is held against.
 *
 * @param consumers programs that shall load it; none for the rules of the format alone
 * @param original the checkpoint that it was made from; without it values are not compared
 * @param tensorParallel numbers of GPUs that each layer must be divisible by
 * @param slack multiplies all bounds on errors, 1 for the usual ones
 * @param threads threads that compare tensors; the report does not depend on it
 */
public record VerifyOptions(
    Set<Consumer> consumers,
    Optional<Path> original,
    List<Integer> tensorParallel,
    double slack,
    int threads) {
  /** Checks and copies. */
  public VerifyOptions {
    consumers =
        consumers.isEmpty() ? Set.of() : Collections.unmodifiableSet(EnumSet.copyOf(consumers));
    tensorParallel = List.copyOf(tensorParallel);
    if (tensorParallel.stream().anyMatch(tp -> tp < 1)) {
      throw new IllegalArgumentException(
          "tensor parallel sizes must be positive: " + tensorParallel);
    }
    if (!(slack > 0)) {
      throw new IllegalArgumentException("slack must be positive but is " + slack);
    }
    if (threads < 1) {
      throw new IllegalArgumentException("threads must be at least 1 but is " + threads);
    }
  }

  /** The rules of {@code consumers}, on as many threads as there are processors. */
  public static VerifyOptions of(Consumer... consumers) {
    return new VerifyOptions(
        Set.copyOf(Arrays.asList(consumers)),
        Optional.empty(),
        List.of(1),
        1,
        Runtime.getRuntime().availableProcessors());
  }

  /** These options with values compared to those of the checkpoint in {@code directory}. */
  public VerifyOptions withOriginal(Path directory) {
    return new VerifyOptions(consumers, Optional.of(directory), tensorParallel, slack, threads);
  }

  /** These options with the demand that the model can be divided onto so many GPUs. */
  public VerifyOptions withTensorParallel(int... sizes) {
    return new VerifyOptions(
        consumers, original, IntStream.of(sizes).boxed().toList(), slack, threads);
  }

  /** These options with all error bounds multiplied by {@code factor}. */
  public VerifyOptions withSlack(double factor) {
    return new VerifyOptions(consumers, original, tensorParallel, factor, threads);
  }

  /** These options with another number of threads. */
  public VerifyOptions withThreads(int count) {
    return new VerifyOptions(consumers, original, tensorParallel, slack, count);
  }
}
