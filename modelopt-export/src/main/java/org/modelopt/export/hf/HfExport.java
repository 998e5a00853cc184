package org.modelopt.export.hf;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.modelopt.compute.Backend;
import org.modelopt.error.ConfigException;
import org.modelopt.error.ExportException;
import org.modelopt.export.verify.Verifier;
import org.modelopt.export.verify.VerifyOptions;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.export.verify.report.VerifyReport;
import org.modelopt.job.JobOptions;
import org.modelopt.job.Pass;
import org.modelopt.job.Progress;
import org.modelopt.models.HfModel;
import org.modelopt.publish.Publication;
import org.modelopt.quantize.QuantizedModel;
import org.modelopt.safetensors.ShardPlan;
import org.modelopt.safetensors.ShardedWriter;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;
import tools.jackson.databind.node.ObjectNode;

/**
 * Writes a quantized model as a HuggingFace checkpoint with ModelOpt's metadata, checks it, and
 * publishes it. One weight is in memory at a time.
 */
public final class HfExport {
  /** Size at which a new shard begins unless said otherwise: 10 GB, as in the reference. */
  public static final long DEFAULT_SHARD_BYTES = 10_000_000_000L;

  private final QuantizedModel quantized;
  private final JobOptions options;
  private final long shardBytes;
  private final Set<Consumer> consumers;

  private HfExport(
      QuantizedModel quantized, JobOptions options, long shardBytes, Set<Consumer> consumers) {
    this.quantized = quantized;
    this.options = options;
    this.shardBytes = shardBytes;
    this.consumers = consumers;
  }

  /** An export of {@code quantized} that is checked for vLLM, SGLang and TensorRT-LLM's PyTorch. */
  public static HfExport of(QuantizedModel quantized) {
    return new HfExport(
        quantized,
        JobOptions.defaults(),
        DEFAULT_SHARD_BYTES,
        EnumSet.of(Consumer.VLLM, Consumer.SGLANG, Consumer.TRTLLM_PYTORCH));
  }

  /** A copy with another place of computation and receiver of progress. */
  public HfExport with(JobOptions newOptions) {
    return new HfExport(quantized, newOptions, shardBytes, consumers);
  }

  /** A copy that begins a new shard before one exceeds {@code bytes} of tensors. */
  public HfExport withShardBytes(long bytes) {
    return new HfExport(quantized, options, bytes, consumers);
  }

  /** A copy that is checked against the rules of these consumers before it is published. */
  public HfExport checkedFor(Set<Consumer> newConsumers) {
    return new HfExport(quantized, options, shardBytes, Set.copyOf(newConsumers));
  }

  /**
   * Writes, checks and publishes.
   *
   * @param target directory that does not exist yet or is empty; it appears complete or not at all
   * @throws ConfigException if no reader takes the formats the model was quantized to
   * @throws ExportException if {@code target} is taken, the disk is full, or the check finds
   *     something; nothing is left behind then
   */
  public ExportResult to(Path target) {
    if (!(quantized.model() instanceof HfModel model)) {
      throw new ConfigException(
          quantized.model().name()
              + " is not a HuggingFace checkpoint; load it with Models.load to export it as one");
    }
    if (model.storedDecisions().isPresent()) {
      throw new ConfigException(
          model.name() + " is quantized already; start from the unquantized checkpoint");
    }
    HfTensors tensors = HfTensors.of(quantized);
    ShardPlan plan =
        ShardPlan.of(tensors.tensors().stream().map(OutputTensor::info).toList(), shardBytes);
    try (Publication publication = Publication.ofDirectory(target)) {
      publication.requireFreeBytes(plan.fileBytes());
      writeTensors(publication.path(), plan, tensors.tensors());
      writeConfiguration(publication.path(), model, tensors.description());
      VerifyReport report =
          Verifier.verify(
              publication.path(),
              VerifyOptions.of(consumers.toArray(Consumer[]::new)).withOriginal(model.directory()));
      if (!report.passed()) {
        throw new ExportException(
            "the export of %s did not pass its own check and was not published:%n%s"
                .formatted(model.name(), report.toText()));
      }
      publication.commit();
      return new ExportResult(target, plan.tensorBytes(), report);
    }
  }

  private void writeTensors(Path directory, ShardPlan plan, List<OutputTensor> tensors) {
    long total = plan.tensorBytes();
    long done = 0;
    try (Backend backend = options.withDevice("cpu").openBackend();
        ShardedWriter writer = ShardedWriter.create(directory, plan)) {
      Pass pass = Pass.plain(backend, options.precisionFor(quantized.model()));
      Encoder encoder = new Encoder(quantized, pass);
      for (OutputTensor tensor : tensors) {
        TensorInfo info = tensor.info();
        try (Arena arena = Arena.ofShared()) {
          Tensor content = tensor.content().make(arena, encoder);
          if (content.dtype() != info.dtype() || !content.shape().equals(info.shape())) {
            throw new IllegalStateException(info + " was announced but " + content + " was made");
          }
          writer.write(info.name(), content.segment());
        }
        done += info.byteSize();
        options.progress().update(new Progress("export", done, total, "bytes", info.name()));
      }
      writer.finish();
    }
  }

  private static void writeConfiguration(
      Path directory, HfModel model, QuantizationJson description) {
    ObjectNode config = model.config().json();
    config.set("quantization_config", description.flat());
    write(directory.resolve("config.json"), QuantizationJson.text(config));
    write(directory.resolve("hf_quant_config.json"), QuantizationJson.text(description.nested()));
    for (Path file : model.companionFiles()) {
      try {
        Files.copy(file, directory.resolve(file.getFileName()));
      } catch (IOException e) {
        throw new ExportException(
            file + " could not be copied to " + directory + ": " + e.getMessage(), e);
      }
    }
  }

  private static void write(Path file, String text) {
    try {
      Files.writeString(file, text, StandardCharsets.UTF_8, StandardOpenOption.CREATE_NEW);
    } catch (IOException e) {
      throw new ExportException(file + " could not be written: " + e.getMessage(), e);
    }
  }
}
