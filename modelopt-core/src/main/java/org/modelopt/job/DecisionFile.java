package org.modelopt.job;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.TreeMap;
import org.modelopt.compute.ChannelSummary;
import org.modelopt.config.SpecText;
import org.modelopt.decision.Decisions;
import org.modelopt.decision.Quantization;
import org.modelopt.numeric.Arithmetic;
import org.modelopt.numeric.Conversion;
import org.modelopt.numeric.NonFinite;
import org.modelopt.numeric.Rounding;
import org.modelopt.numeric.Scales;
import org.modelopt.safetensors.SafetensorsFile;
import org.modelopt.safetensors.SafetensorsLayout;
import org.modelopt.safetensors.SafetensorsWriter;
import org.modelopt.statistics.Statistics;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;

/** One layer's decisions and statistics as a safetensors file; reading gives equal bits. */
final class DecisionFile {
  private static final ValueLayout.OfDouble DOUBLE =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Map<String, Tensor> tensors = new LinkedHashMap<>();
  private final Map<String, String> metadata = new LinkedHashMap<>();
  private final IdentityHashMap<Quantization, String> known = new IdentityHashMap<>();

  private DecisionFile() {}

  static void write(Path file, JobStep step) {
    DecisionFile content = new DecisionFile();
    for (int c = 0; c < step.decisions().size(); c++) {
      Decisions decisions = step.decisions().get(c);
      content.put(c + ".weight.", decisions.weights());
      content.put(c + ".input.", decisions.inputs());
      content.put(c + ".cache.", decisions.caches());
    }
    step.statistics().forEach(content::put);
    List<TensorInfo> infos =
        content.tensors.entrySet().stream()
            .map(e -> new TensorInfo(e.getKey(), e.getValue().dtype(), e.getValue().shape()))
            .toList();
    SafetensorsLayout layout = SafetensorsLayout.of(infos, content.metadata);
    try (SafetensorsWriter writer = SafetensorsWriter.create(file, layout)) {
      content.tensors.forEach(writer::write);
      writer.finish();
    }
  }

  private void put(String prefix, SequencedMap<String, Quantization> quantizations) {
    int index = 0;
    for (Map.Entry<String, Quantization> entry : quantizations.entrySet()) {
      String id = known.computeIfAbsent(entry.getValue(), this::define);
      metadata.put(prefix + ordered(index++), entry.getKey() + "\n" + id);
    }
  }

  private static String ordered(int index) {
    return "%08d".formatted(index);
  }

  private String define(Quantization quantization) {
    String id = "q" + known.size();
    Scales scales = quantization.scales();
    tensors.put(id + ".values", scales.values());
    scales.zeroPoints().ifPresent(points -> tensors.put(id + ".zero_points", points));
    metadata.put(
        id,
        String.join(
            "\n",
            SpecText.write(quantization.spec()),
            quantization.conversion().arithmetic().name(),
            quantization.conversion().nonFinite().name(),
            Float.toHexString(scales.globalScale()),
            quantization.conversion().rounding() instanceof Rounding.Stochastic(long seed)
                ? Long.toString(seed)
                : ""));
    return id;
  }

  private void put(String site, Statistics statistics) {
    String id = "s" + ordered(tensors.size());
    ChannelSummary summary = statistics.summary();
    Shape shape = Shape.of(summary.amax().length);
    tensors.put(id + ".amax", Tensor.ofFloats(Arena.ofAuto(), shape, summary.amax()));
    Tensor sums = Tensor.allocate(Arena.ofAuto(), DType.F64, shape);
    MemorySegment.copy(
        summary.absoluteSum(), 0, sums.segment(), DOUBLE, 0, summary.absoluteSum().length);
    tensors.put(id + ".absolute_sum", sums);
    metadata.put("statistics." + id, site + "\n" + summary.rows());
  }

  static JobStep read(Path file, int configs) {
    SafetensorsFile stored = SafetensorsFile.open(file);
    Map<String, String> metadata = new TreeMap<>(stored.metadata());
    Map<String, Quantization> known = new LinkedHashMap<>();
    List<Decisions> decisions = new ArrayList<>();
    for (int c = 0; c < configs; c++) {
      decisions.add(
          new Decisions(
              quantizations(stored, metadata, known, c + ".weight."),
              quantizations(stored, metadata, known, c + ".input."),
              quantizations(stored, metadata, known, c + ".cache.")));
    }
    Map<String, Statistics> statistics = new LinkedHashMap<>();
    metadata.forEach((key, value) -> {
      if (key.startsWith("statistics.")) {
        String[] parts = value.split("\n", -1);
        String id = key.substring("statistics.".length());
        float[] amax = open(stored, id + ".amax").toFloats();
        double[] sums = open(stored, id + ".absolute_sum").segment().toArray(DOUBLE);
        statistics.put(
            parts[0], Statistics.of(new ChannelSummary(Long.parseLong(parts[1]), amax, sums)));
      }
    });
    return new JobStep(decisions, statistics);
  }

  private static SequencedMap<String, Quantization> quantizations(
      SafetensorsFile stored,
      Map<String, String> metadata,
      Map<String, Quantization> known,
      String prefix) {
    SequencedMap<String, Quantization> found = new LinkedHashMap<>();
    metadata.forEach((key, value) -> {
      if (key.startsWith(prefix)) {
        String[] parts = value.split("\n", -1);
        String definition = metadata.getOrDefault(parts[1], "");
        found.put(
            parts[0], known.computeIfAbsent(parts[1], id -> quantization(stored, id, definition)));
      }
    });
    return found;
  }

  private static Quantization quantization(SafetensorsFile stored, String id, String definition) {
    String[] parts = definition.split("\n", -1);
    Scales scales =
        new Scales(
            open(stored, id + ".values"),
            Float.parseFloat(parts[3]),
            stored.find(id + ".zero_points").map(info -> open(stored, info.name())));
    return new Quantization(
        SpecText.read(parts[0]),
        scales,
        new Conversion(
            Arithmetic.valueOf(parts[1]),
            parts[4].isEmpty()
                ? Rounding.nearestEven()
                : Rounding.stochastic(Long.parseLong(parts[4])),
            NonFinite.valueOf(parts[2])));
  }

  /** A copy in memory: the file may go away. */
  private static Tensor open(SafetensorsFile stored, String name) {
    try (Arena arena = Arena.ofConfined()) {
      Tensor mapped = stored.open(name, arena);
      Tensor copy = Tensor.allocate(Arena.ofAuto(), mapped.dtype(), mapped.shape());
      copy.segment().copyFrom(mapped.segment());
      return copy;
    }
  }
}
