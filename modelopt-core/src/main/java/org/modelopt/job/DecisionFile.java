package org.modelopt.job;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.TreeMap;
import java.util.function.BiFunction;
import java.util.stream.IntStream;
import org.modelopt.compute.ChannelSummary;
import org.modelopt.decision.Decisions;
import org.modelopt.decision.StoredTensor;
import org.modelopt.report.LinearReport;
import org.modelopt.safetensors.SafetensorsFile;
import org.modelopt.safetensors.SafetensorsLayout;
import org.modelopt.safetensors.SafetensorsWriter;
import org.modelopt.statistics.Statistics;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;

/**
 * One layer's decisions and statistics as a safetensors file; reading gives equal bits. Large
 * tensors stay in the file until they are opened.
 */
final class DecisionFile {
  private static final ValueLayout.OfDouble DOUBLE =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final long LARGE = 4096;

  private final Map<String, StoredTensor> tensors = new LinkedHashMap<>();
  private final IdentityHashMap<Object, String> tensorIds = new IdentityHashMap<>();
  private final Map<String, String> metadata = new LinkedHashMap<>();
  private final IdentityHashMap<Object, String> known = new IdentityHashMap<>();

  private DecisionFile() {}

  static void write(Path file, JobStep step) {
    DecisionFile content = new DecisionFile();
    for (int c = 0; c < step.decisions().size(); c++) {
      Decisions decisions = step.decisions().get(c);
      content.put(c + ".weight.", decisions.weights(), DecisionText::write);
      content.put(c + ".input.", decisions.inputs(), DecisionText::write);
      content.put(c + ".cache.", decisions.caches(), DecisionText::write);
      content.put(c + ".parameter.", decisions.parameters(), DecisionText::write);
    }
    for (int c = 0; c < step.reports().size(); c++) {
      int index = 0;
      for (LinearReport report : step.reports().get(c)) {
        content.metadata.put(c + ".report." + ordered(index++), DecisionText.write(report));
      }
    }
    step.statistics().forEach(content::put);
    List<TensorInfo> infos =
        content.tensors.entrySet().stream()
            .map(e -> new TensorInfo(e.getKey(), e.getValue().dtype(), e.getValue().shape()))
            .toList();
    SafetensorsLayout layout = SafetensorsLayout.of(infos, content.metadata);
    try (SafetensorsWriter writer = SafetensorsWriter.create(file, layout)) {
      content.tensors.forEach((name, tensor) -> {
        try (Arena arena = Arena.ofConfined()) {
          writer.write(name, tensor.open(arena));
        }
      });
      writer.finish();
    }
  }

  private <T> void put(
      String prefix,
      SequencedMap<String, T> decisions,
      BiFunction<T, DecisionText.Writer, String> text) {
    int index = 0;
    for (Map.Entry<String, T> entry : decisions.entrySet()) {
      String id = known.get(entry.getValue());
      if (id == null) { // shared ones once, so that they are shared when they are read
        id = "d" + known.size();
        known.put(entry.getValue(), id);
        metadata.put(id, text.apply(entry.getValue(), this::id));
      }
      metadata.put(prefix + ordered(index++), entry.getKey() + "\n" + id);
    }
  }

  private String id(StoredTensor tensor) {
    Object key = tensor instanceof StoredTensor.InMemory(Tensor inMemory) ? inMemory : tensor;
    String known = tensorIds.get(key);
    if (known == null) {
      known = "t" + ordered(tensors.size());
      tensorIds.put(key, known);
      tensors.put(known, tensor);
    }
    return known;
  }

  private static String ordered(int index) {
    return "%08d".formatted(index);
  }

  private void put(String site, Statistics statistics) {
    ChannelSummary summary = statistics.summary();
    Shape shape = Shape.of(summary.amax().length);
    Tensor amax = Tensor.ofFloats(Arena.ofAuto(), shape, summary.amax());
    Tensor sums = Tensor.allocate(Arena.ofAuto(), DType.F64, shape);
    MemorySegment.copy(
        summary.absoluteSum(), 0, sums.segment(), DOUBLE, 0, summary.absoluteSum().length);
    String ids = id(StoredTensor.of(amax)) + "\n" + id(StoredTensor.of(sums));
    metadata.put(
        "statistics." + ordered(metadata.size()), site + "\n" + summary.rows() + "\n" + ids);
  }

  static JobStep read(Path file, int configs) {
    return new Contents(SafetensorsFile.open(file)).step(configs);
  }

  /** A tensor in the file, mapped while it is used. */
  private record InFile(SafetensorsFile file, TensorInfo info) implements StoredTensor {
    @Override
    public DType dtype() {
      return info.dtype();
    }

    @Override
    public Shape shape() {
      return info.shape();
    }

    @Override
    public Tensor open(Arena arena) {
      return file.open(info.name(), arena);
    }
  }

  /** A file that is read. */
  private static final class Contents implements DecisionText.Reader {
    private final SafetensorsFile file;
    private final Map<String, String> metadata;
    private final Map<String, Tensor> loaded = new HashMap<>();
    private final Map<String, StoredTensor> large = new HashMap<>();
    private final Map<String, Object> known = new HashMap<>();

    Contents(SafetensorsFile file) {
      this.file = file;
      this.metadata = new TreeMap<>(file.metadata());
    }

    JobStep step(int configs) {
      List<Decisions> decisions = new ArrayList<>();
      for (int c = 0; c < configs; c++) {
        decisions.add(
            new Decisions(
                decisions(c + ".weight.", DecisionText::weight),
                decisions(c + ".input.", DecisionText::input),
                decisions(c + ".cache.", DecisionText::quantization),
                decisions(c + ".parameter.", DecisionText::changes)));
      }
      Map<String, Statistics> statistics = new LinkedHashMap<>();
      metadata.forEach((key, value) -> {
        if (key.startsWith("statistics.")) {
          String[] parts = value.split("\n", -1);
          float[] amax = loaded(parts[2]).toFloats();
          double[] sums = loaded(parts[3]).segment().toArray(DOUBLE);
          statistics.put(
              parts[0], Statistics.of(new ChannelSummary(Long.parseLong(parts[1]), amax, sums)));
        }
      });
      return new JobStep(
          decisions, IntStream.range(0, configs).mapToObj(this::reports).toList(), statistics);
    }

    private List<LinearReport> reports(int config) {
      return metadata.entrySet().stream()
          .filter(entry -> entry.getKey().startsWith(config + ".report."))
          .map(entry -> DecisionText.report(entry.getValue()))
          .toList();
    }

    @SuppressWarnings("unchecked") // an identifier always stands for the same kind of decision
    private <T> SequencedMap<String, T> decisions(
        String prefix, BiFunction<String, DecisionText.Reader, T> parse) {
      SequencedMap<String, T> found = new LinkedHashMap<>();
      metadata.forEach((key, value) -> {
        if (key.startsWith(prefix)) {
          String[] parts = value.split("\n", -1);
          String text = metadata.getOrDefault(parts[1], "");
          found.put(parts[0], (T) known.computeIfAbsent(parts[1], id -> parse.apply(text, this)));
        }
      });
      return found;
    }

    @Override
    public StoredTensor stored(String id) {
      TensorInfo info = file.find(id).orElseThrow();
      return info.byteSize() < LARGE
          ? StoredTensor.of(loaded(id))
          : large.computeIfAbsent(id, key -> new InFile(file, info));
    }

    /** A copy in memory. */
    @Override
    public Tensor loaded(String id) {
      return loaded.computeIfAbsent(
          id,
          name -> {
            try (Arena arena = Arena.ofConfined()) {
              Tensor mapped = file.open(name, arena);
              Tensor copy = Tensor.allocate(Arena.ofAuto(), mapped.dtype(), mapped.shape());
              copy.segment().copyFrom(mapped.segment());
              return copy;
            }
          });
    }
  }
}
