package org.modelopt.export.write;

import java.util.Optional;
import java.util.Set;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.job.JobOptions;

/**
 * How checkpoints are written.
 *
 * @param job threads and receiver of progress
 * @param shardBytes size of tensors at which a new file begins, where a target has shards
 * @param consumers programs that shall load the result; empty for all that read its format
 * @param compareValues whether the check before publishing compares weights with the original,
 *     unless that is quantized
 * @param command command line that makes the export, for its model card
 */
public record ExportOptions(
    JobOptions job,
    long shardBytes,
    Optional<Set<Consumer>> consumers,
    boolean compareValues,
    Optional<String> command) {
  /** Size at which a new shard begins unless said otherwise: 10 GB, as in the reference. */
  public static final long DEFAULT_SHARD_BYTES = 10_000_000_000L;

  /** Copies the set. */
  public ExportOptions {
    consumers = consumers.map(Set::copyOf);
  }

  /** All processors, 10 GB shards, checked for all that read the format, values compared. */
  public static ExportOptions defaults() {
    return new ExportOptions(
        JobOptions.defaults(), DEFAULT_SHARD_BYTES, Optional.empty(), true, Optional.empty());
  }

  /** A copy with other threads and receiver of progress. */
  public ExportOptions with(JobOptions newJob) {
    return new ExportOptions(newJob, shardBytes, consumers, compareValues, command);
  }

  /** A copy that begins a new shard before one exceeds {@code bytes} of tensors. */
  public ExportOptions withShardBytes(long bytes) {
    return new ExportOptions(job, bytes, consumers, compareValues, command);
  }

  /** A copy that is held against the rules of these consumers before it is published. */
  public ExportOptions checkedFor(Set<Consumer> newConsumers) {
    return new ExportOptions(job, shardBytes, Optional.of(newConsumers), compareValues, command);
  }

  /** A copy whose check before publishing reads no weights of the original. */
  public ExportOptions withoutComparison() {
    return new ExportOptions(job, shardBytes, consumers, false, command);
  }

  /** A copy whose model card says that this command line makes the export. */
  public ExportOptions madeBy(String commandLine) {
    return new ExportOptions(job, shardBytes, consumers, compareValues, Optional.of(commandLine));
  }
}
