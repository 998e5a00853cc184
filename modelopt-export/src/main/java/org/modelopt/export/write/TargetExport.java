package org.modelopt.export.write;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.SequencedMap;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.job.JobOptions;
import org.modelopt.quantize.QuantizedModel;

/** One export of one model; an immutable value. */
public final class TargetExport {
  private final QuantizedModel quantized;
  private final Target target;
  private final ExportOptions options;

  private TargetExport(QuantizedModel quantized, Target target, ExportOptions options) {
    this.quantized = quantized;
    this.target = target;
    this.options = options;
  }

  /** An export with the default options. */
  public static TargetExport of(QuantizedModel quantized, Target target) {
    return new TargetExport(quantized, target, ExportOptions.defaults());
  }

  /** A copy with other options. */
  public TargetExport with(UnaryOperator<ExportOptions> change) {
    return new TargetExport(quantized, target, change.apply(options));
  }

  /** A copy with other threads and receiver of progress. */
  public TargetExport with(JobOptions job) {
    return with(o -> o.with(job));
  }

  /** A copy that begins a new shard before one exceeds {@code bytes} of tensors. */
  public TargetExport withShardBytes(long bytes) {
    return with(o -> o.withShardBytes(bytes));
  }

  /** A copy that is held against the rules of these consumers before it is published. */
  public TargetExport checkedFor(Set<Consumer> consumers) {
    return with(o -> o.checkedFor(consumers));
  }

  /**
   * Writes, checks and publishes; see {@link Export#run}.
   *
   * @param path directory that does not exist yet or is empty
   */
  public ExportResult to(Path path) {
    SequencedMap<Path, Target> one = new LinkedHashMap<>();
    one.put(path, target);
    return Export.run(quantized, one, options).getFirst();
  }
}
