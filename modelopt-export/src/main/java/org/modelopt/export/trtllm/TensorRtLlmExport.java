package org.modelopt.export.trtllm;

import java.nio.file.Path;
import java.util.function.UnaryOperator;
import org.modelopt.export.write.ExportResult;
import org.modelopt.export.write.TargetExport;
import org.modelopt.job.JobOptions;
import org.modelopt.quantize.QuantizedModel;

/** One export for the classic TensorRT-LLM; an immutable value. */
public final class TensorRtLlmExport {
  private final QuantizedModel quantized;
  private final TensorRtLlmTarget target;
  private final UnaryOperator<TargetExport> options;

  private TensorRtLlmExport(
      QuantizedModel quantized, TensorRtLlmTarget target, UnaryOperator<TargetExport> options) {
    this.quantized = quantized;
    this.target = target;
    this.options = options;
  }

  /** An export for one GPU. */
  public static TensorRtLlmExport of(QuantizedModel quantized) {
    return new TensorRtLlmExport(quantized, new TensorRtLlmTarget(), export -> export);
  }

  /** A copy in which {@code gpus} share each layer. */
  public TensorRtLlmExport tensorParallel(int gpus) {
    return new TensorRtLlmExport(
        quantized, new TensorRtLlmTarget(gpus, target.pipelineParallel()), options);
  }

  /** A copy in {@code stages} of consecutive layers. */
  public TensorRtLlmExport pipelineParallel(int stages) {
    return new TensorRtLlmExport(
        quantized, new TensorRtLlmTarget(target.tensorParallel(), stages), options);
  }

  /** A copy with other threads and receiver of progress. */
  public TensorRtLlmExport with(JobOptions job) {
    return new TensorRtLlmExport(quantized, target, export -> options.apply(export).with(job));
  }

  /**
   * Writes, checks and publishes.
   *
   * @param path directory that does not exist yet or is empty
   * @throws org.modelopt.error.ConfigException if the model does not divide onto the GPUs
   */
  public ExportResult to(Path path) {
    return options.apply(TargetExport.of(quantized, target)).to(path);
  }
}
