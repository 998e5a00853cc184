package org.modelopt.export.gguf;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SequencedMap;
import org.modelopt.compute.Workers;
import org.modelopt.error.ConfigException;
import org.modelopt.error.DataException;
import org.modelopt.error.ExportException;
import org.modelopt.export.gguf.architecture.ArchitectureKeys;
import org.modelopt.export.gguf.architecture.GgufArchitecture;
import org.modelopt.export.gguf.architecture.ModelShape;
import org.modelopt.export.gguf.architecture.PlannedTensor;
import org.modelopt.export.gguf.architecture.TensorPlanner;
import org.modelopt.export.gguf.container.GgufLayout;
import org.modelopt.export.gguf.container.GgufTensor;
import org.modelopt.export.gguf.container.GgufValue;
import org.modelopt.export.gguf.container.GgufWriter;
import org.modelopt.export.gguf.importance.ImportanceMatrix;
import org.modelopt.export.gguf.rows.RowSource;
import org.modelopt.export.gguf.tokenizer.TokenizerKeys;
import org.modelopt.export.gguf.verify.GgufVerifier;
import org.modelopt.export.verify.report.VerifyReport;
import org.modelopt.job.JobOptions;
import org.modelopt.job.Progress;
import org.modelopt.models.hf.HfConfig;
import org.modelopt.publish.Publication;
import org.modelopt.safetensors.SafetensorsCheckpoint;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.TensorInfo;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes a HuggingFace checkpoint as a GGUF file, checks it, and publishes it. A few rows are in
 * memory at a time.
 */
public final class GgufExport {
  private static final Logger LOG = LoggerFactory.getLogger(GgufExport.class);
  private static final int QUANTIZATION_VERSION = 2;

  /** Rows of each tensor that are compared with the original before publishing. */
  private static final int CHECKED_ROWS = 16;

  private final Path directory;
  private final GgufType type;
  private final Optional<ImportanceMatrix> importance;
  private final JobOptions options;

  private GgufExport(
      Path directory, GgufType type, Optional<ImportanceMatrix> importance, JobOptions options) {
    this.directory = directory;
    this.type = type;
    this.importance = importance;
    this.options = options;
  }

  /** An export of the checkpoint in {@code directory} to Q8_0. */
  public static GgufExport of(Path directory) {
    return new GgufExport(directory, GgufType.Q8_0, Optional.empty(), JobOptions.defaults());
  }

  /** A copy that quantizes to {@code newType}. */
  public GgufExport type(GgufType newType) {
    return new GgufExport(directory, newType, importance, options);
  }

  /** A copy whose quantization errors are weighted. */
  public GgufExport importance(ImportanceMatrix matrix) {
    return new GgufExport(directory, type, Optional.of(matrix), options);
  }

  /** A copy with another number of threads and receiver of progress. */
  public GgufExport with(JobOptions newOptions) {
    return new GgufExport(directory, type, importance, newOptions);
  }

  /**
   * Writes, checks and publishes.
   *
   * @param target file that does not exist yet; it appears complete or not at all
   * @throws ConfigException if the checkpoint is quantized already
   * @throws ExportException if {@code target} is taken, the disk is full, a value has no place in
   *     the type, or the check finds something; nothing is left behind then
   */
  public GgufResult to(Path target) {
    HfConfig config = HfConfig.read(directory.resolve("config.json"));
    if (config.has("quantization_config")) {
      throw new ConfigException(
          directory + " is quantized already; start from the unquantized checkpoint");
    }
    SafetensorsCheckpoint checkpoint = SafetensorsCheckpoint.open(directory);
    ModelShape shape = ModelShape.read(config);
    Map<String, Shape> shapes = new LinkedHashMap<>();
    for (TensorInfo info : checkpoint.tensors()) {
      shapes.put(info.name(), info.shape());
    }
    List<PlannedTensor> planned = TensorPlanner.plan(shape, shapes);
    warn(shape);
    TypeMix mix = new TypeMix(type, shape, planned, importance.isPresent());
    List<GgufTensor> tensors = new ArrayList<>();
    for (PlannedTensor tensor : planned) {
      tensors.add(new GgufTensor(tensor.name(), mix.of(tensor), tensor.extents()));
    }
    GgufLayout layout = GgufLayout.of(metadata(config, shape, planned), tensors);
    try (Publication publication = Publication.ofFile(target)) {
      publication.requireFreeBytes(layout.fileBytes());
      write(publication.path(), layout, planned, checkpoint);
      VerifyReport report =
          GgufVerifier.of(publication.path())
              .withOriginal(directory)
              .withThreads(options.threads())
              .withRows(CHECKED_ROWS)
              .run();
      if (!report.passed()) {
        throw new ExportException(
            "the export of %s did not pass its own check and was not published:%n%s"
                .formatted(directory, report.toText()));
      }
      publication.commit();
      return new GgufResult(target, layout.fileBytes(), report);
    }
  }

  /** What the file cannot say, said here. */
  private void warn(ModelShape shape) {
    if (!Files.exists(directory.resolve("tokenizer.json"))) {
      LOG.warn("{} has no tokenizer.json: the GGUF file will take token ids, not text", directory);
    }
    OptionalInt window = shape.config().findCount("sliding_window");
    boolean uses = shape.config().flag("use_sliding_window", true);
    if (shape.architecture() == GgufArchitecture.LLAMA && window.isPresent() && uses) {
      LOG.warn(
          "{} attends to the last {} tokens; llama.cpp has no such window in this architecture, and"
              + " longer texts come out otherwise",
          directory,
          window.getAsInt());
    }
  }

  private SequencedMap<String, GgufValue> metadata(
      HfConfig config, ModelShape shape, List<PlannedTensor> planned) {
    SequencedMap<String, GgufValue> keys = new LinkedHashMap<>();
    keys.put("general.architecture", GgufValue.text(shape.architecture().id()));
    keys.put("general.type", GgufValue.text("model"));
    Path name = directory.toAbsolutePath().normalize().getFileName();
    keys.put("general.name", GgufValue.text(String.valueOf(name)));
    keys.put("general.file_type", GgufValue.u32(type.fileType()));
    if (type.base().isBlocked()) {
      keys.put("general.quantization_version", GgufValue.u32(QUANTIZATION_VERSION));
    }
    keys.putAll(ArchitectureKeys.of(shape));
    long rows =
        planned.stream()
            .filter(t -> t.name().equals("token_embd.weight"))
            .findFirst()
            .orElseThrow(() -> new ExportException(directory + " has no embedding"))
            .extents()
            .get(1);
    keys.putAll(TokenizerKeys.of(directory, config, Math.toIntExact(rows)));
    importance.ifPresent(matrix -> {
      keys.put(
          "quantize.imatrix.dataset",
          GgufValue.text(shortened(String.join(", ", matrix.datasets()))));
      keys.put("quantize.imatrix.entries_count", GgufValue.u32(matrix.entries().size()));
      keys.put("quantize.imatrix.chunks_count", GgufValue.u32(matrix.chunks()));
    });
    return keys;
  }

  /** Readers keep 127 bytes. */
  private static String shortened(String text) {
    return text.length() <= 120 ? text : text.substring(0, 120);
  }

  private void write(
      Path file, GgufLayout layout, List<PlannedTensor> planned, SafetensorsCheckpoint checkpoint) {
    long total = planned.size();
    try (Workers workers = new Workers(options.threads());
        GgufWriter writer = GgufWriter.create(file, layout)) {
      TensorEncoder encoder = new TensorEncoder(workers, writer);
      for (int i = 0; i < planned.size(); i++) {
        write(planned.get(i), layout.tensors().get(i), encoder, writer, checkpoint);
        options
            .progress()
            .update(new Progress("export", i + 1L, total, "tensors", planned.get(i).name()));
      }
      writer.finish();
    }
  }

  private void write(
      PlannedTensor planned,
      GgufTensor tensor,
      TensorEncoder encoder,
      GgufWriter writer,
      SafetensorsCheckpoint checkpoint) {
    switch (planned.content()) {
      case PlannedTensor.Computed computed -> writer.write(tensor, 0, floats(computed.values()));
      case PlannedTensor.Stored stored -> {
        try (Arena arena = Arena.ofShared()) {
          RowSource rows = new RowSource(planned, stored, name -> checkpoint.open(name, arena));
          encoder.write(tensor, rows, 1, weights(tensor));
        }
      }
    }
  }

  private Optional<float[]> weights(GgufTensor tensor) {
    Optional<float[]> weights =
        importance
            .flatMap(matrix -> matrix.find(tensor.name()))
            .map(ImportanceMatrix.Entry::weights);
    long matrices = tensor.extent(2);
    weights.ifPresent(w -> {
      if (w.length != tensor.columns() && w.length != tensor.columns() * matrices) {
        throw new DataException(
            "the importance matrix has %d numbers for %s, which has %d columns and %d matrices"
                .formatted(w.length, tensor.name(), tensor.columns(), matrices));
      }
    });
    return weights;
  }

  private static MemorySegment floats(List<Float> values) {
    MemorySegment bytes = MemorySegment.ofArray(new byte[4 * values.size()]);
    for (int i = 0; i < values.size(); i++) {
      bytes.set(
          ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(java.nio.ByteOrder.LITTLE_ENDIAN),
          4L * i,
          values.get(i));
    }
    return bytes;
  }
}
