package org.modelopt.export.gguf.verify;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import org.modelopt.compute.Workers;
import org.modelopt.export.gguf.architecture.ArchitectureKeys;
import org.modelopt.export.gguf.architecture.ModelShape;
import org.modelopt.export.gguf.architecture.PlannedTensor;
import org.modelopt.export.gguf.architecture.TensorPlanner;
import org.modelopt.export.gguf.container.GgufFile;
import org.modelopt.export.gguf.container.GgufTensor;
import org.modelopt.export.gguf.container.GgufValue;
import org.modelopt.export.gguf.rows.RowSource;
import org.modelopt.export.gguf.tokenizer.TokenizerKeys;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.TensorError;
import org.modelopt.export.verify.report.Violation;
import org.modelopt.formats.ggml.GgmlCodec;
import org.modelopt.formats.ggml.GgmlType;
import org.modelopt.models.hf.HfConfig;
import org.modelopt.safetensors.SafetensorsCheckpoint;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;

/** Metadata and values must be those of the checkpoint that the file was made from. */
final class OriginalRules {
  private static final Violation DIFFERENT =
      new Violation(
          "metadata of another model",
          "the file loads and computes something else, or reads text differently",
          "write what follows from config.json and tokenizer.json");
  private static final Violation VALUES =
      new Violation(
          "values of another tensor",
          "the file loads and talks nonsense",
          "compare row order (q and k of llama are permuted), nibble order, scales, and the order"
              + " of experts");
  private static final long ROWS_PER_TASK = 16;

  private final GgufFile file;
  private final Path directory;
  private final String name;
  private final Findings findings;
  private final HfConfig config;
  private final ModelShape shape;

  OriginalRules(GgufFile file, Path directory, String name, Findings findings) {
    this.file = file;
    this.directory = directory;
    this.name = name;
    this.findings = findings;
    this.config = HfConfig.read(directory.resolve("config.json"));
    this.shape = ModelShape.read(config);
  }

  void checkMetadata() {
    compare("general.architecture", GgufValue.text(shape.architecture().id()));
    ArchitectureKeys.of(shape).forEach(this::compare);
    int rows = file.find("token_embd.weight").map(t -> Math.toIntExact(t.rows())).orElse(0);
    SequencedMap<String, GgufValue> tokenizer = TokenizerKeys.of(directory, config, rows);
    tokenizer.forEach(this::compare);
  }

  private void compare(String key, GgufValue expected) {
    GgufValue found = file.metadata().get(key);
    if (!expected.equals(found)) {
      findings.error(
          DIFFERENT,
          Place.file(name + " " + key),
          brief(expected),
          found == null ? "nothing" : brief(found));
    }
  }

  private static String brief(GgufValue value) {
    String text =
        switch (value) {
          case GgufValue.Text t -> "\"" + t.value() + "\"";
          case GgufValue.Figure figure -> figure.value() + " " + figure.type();
          case GgufValue.Flag flag -> String.valueOf(flag.value());
          case GgufValue.Items items ->
              "%d of %s with hash %08x"
                  .formatted(items.values().size(), items.elementType(), items.values().hashCode());
        };
    return text.length() > 80 ? text.substring(0, 80) + "…" : text;
  }

  /** Compares values; at most {@code rows} rows of each tensor, evenly spread. */
  List<TensorError> checkValues(double slack, long rows, Workers workers) {
    SafetensorsCheckpoint checkpoint = SafetensorsCheckpoint.open(directory);
    Map<String, Shape> shapes = new LinkedHashMap<>();
    for (TensorInfo info : checkpoint.tensors()) {
      shapes.put(info.name(), info.shape());
    }
    List<TensorError> errors = new ArrayList<>();
    for (PlannedTensor planned : TensorPlanner.plan(shape, shapes)) {
      Optional<GgufTensor> found = file.find(planned.name());
      if (found.isEmpty()
          || !found.get().type().hasCodec()
          || !found.get().extents().equals(planned.extents())) {
        continue; // reported by the rules of names, types and shapes
      }
      GgufTensor tensor = found.get();
      try (Arena arena = Arena.ofShared()) {
        RowReader stored = new RowReader(file, tensor, arena);
        double[] sums =
            switch (planned.content()) {
              case PlannedTensor.Computed computed -> compare(stored, computed.values());
              case PlannedTensor.Stored source ->
                  compare(
                      stored,
                      new RowSource(planned, source, n -> checkpoint.open(n, arena)),
                      rows,
                      workers);
            };
        double relative = sums[1] == 0 ? Math.sqrt(sums[0]) : Math.sqrt(sums[0] / sums[1]);
        double bound = bound(tensor.type()) * slack;
        errors.add(
            new TensorError(
                tensor.name(),
                tensor.type().name(),
                relative,
                sums[2],
                -20 * Math.log10(relative),
                bound));
        if (!(relative <= bound)) {
          findings.error(
              VALUES,
              Place.tensor(tensor.name(), name),
              String.format(Locale.ROOT, "a relative error of at most %.3g", bound),
              String.format(Locale.ROOT, "%.3g", relative));
        }
      }
    }
    return errors;
  }

  /**
   * The largest relative error (Frobenius) that rounding explains: for blocks of normal numbers it
   * is about a third of this; another order of rows or nibbles gives about 1.4.
   */
  static double bound(GgmlType type) {
    return switch (type) {
      case F32 -> 1e-6;
      case F16, BF16 -> 0.005;
      case Q8_0 -> 0.02;
      case Q6_K -> 0.06;
      case Q5_0, Q5_1, Q5_K -> 0.15;
      case Q4_0, Q4_1, Q4_K -> 0.3;
      case MXFP4, NVFP4 -> 0.4;
      case Q3_K -> 0.5;
      default -> 0.8;
    };
  }

  private static double[] compare(RowReader stored, List<Float> values) {
    float[] row = new float[stored.columns()];
    stored.read(0, row);
    double[] sums = new double[3];
    for (int i = 0; i < row.length; i++) {
      add(sums, row[i], values.get(i));
    }
    return sums;
  }

  private static double[] compare(RowReader stored, RowSource source, long rows, Workers workers) {
    // The source may count the elements of a vector as rows; the file has one row of them.
    int columns = source.columns();
    long count = Math.min(rows, source.rows());
    double[][] parts = new double[Math.toIntExact(Math.ceilDiv(count, ROWS_PER_TASK))][];
    workers.forRange(
        count,
        ROWS_PER_TASK,
        (from, to) -> {
          float[] expected = new float[columns];
          float[] found = new float[columns];
          double[] sums = new double[3];
          for (long i = from; i < to; i++) {
            long row = i * source.rows() / count;
            source.read(row, expected);
            stored.read(row * columns, found);
            for (int c = 0; c < columns; c++) {
              add(sums, found[c], expected[c]);
            }
          }
          parts[(int) (from / ROWS_PER_TASK)] = sums;
        });
    double[] total = new double[3];
    for (double[] part : parts) {
      total[0] += part[0];
      total[1] += part[1];
      total[2] = Math.max(total[2], part[2]);
    }
    return total;
  }

  private static void add(double[] sums, float found, float expected) {
    double difference = (double) found - expected;
    sums[0] += difference * difference;
    sums[1] += (double) expected * expected;
    sums[2] = Math.max(sums[2], Math.abs(difference));
  }

  /** Decodes elements of a tensor, with the scale of its matrix if it has one. */
  private static final class RowReader {
    private final GgufTensor tensor;
    private final MemorySegment bytes;
    private final GgmlCodec codec;
    private final float[] scales;

    RowReader(GgufFile file, GgufTensor tensor, Arena arena) {
      this.tensor = tensor;
      this.bytes = file.open(tensor, arena);
      this.codec = GgmlCodec.of(tensor.type());
      String name = tensor.name();
      Optional<GgufTensor> scale =
          name.endsWith(".weight")
              ? file.find(name.substring(0, name.length() - "weight".length()) + "scale")
              : Optional.empty();
      this.scales =
          scale
              .filter(t -> t.type() == GgmlType.F32)
              .map(t -> {
                float[] values = new float[Math.toIntExact(t.elements())];
                MemorySegment.copy(file.open(t, arena), Tensor.FLOAT, 0, values, 0, values.length);
                return values;
              })
              .orElseGet(() -> new float[0]);
    }

    int columns() {
      return Math.toIntExact(tensor.columns());
    }

    /** Reads {@code x.length} elements, whole blocks, from element {@code first} on. */
    void read(long first, float[] x) {
      long offset = tensor.type().byteSize(first);
      byte[] blocks = new byte[Math.toIntExact(tensor.type().byteSize(x.length))];
      MemorySegment.copy(bytes, ValueLayout.JAVA_BYTE, offset, blocks, 0, blocks.length);
      codec.decode(blocks, x.length, x);
      if (scales.length > 0) {
        long matrix = first / (tensor.columns() * tensor.extent(1));
        float scale = scales[(int) Math.min(scales.length - 1, matrix)];
        for (int i = 0; i < x.length; i++) {
          x[i] *= scale;
        }
      }
    }
  }
}
