package org.modelopt.statistics;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.modelopt.compute.ChannelSummary;
import org.modelopt.error.DataException;
import org.modelopt.safetensors.SafetensorsFile;
import org.modelopt.safetensors.SafetensorsLayout;
import org.modelopt.safetensors.SafetensorsWriter;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;

/**
 * What was seen in one layer as a safetensors file; reading gives equal bits.
 *
 * <p>Of a site called S there are {@code S.amax} F32 and {@code S.absolute_sum} F64 {@code
 * [channels]}; where gathered, {@code S.histogram} I64 {@code [bins]}, {@code S.rows} F32 {@code
 * [count, channels]} and {@code S.second_moment.B}, panel B of {@link SecondMoment#panels}. The
 * metadata {@code site.N} has name, rows seen, width of bins, zeros before there were bins, and
 * stride and number of rows that the sample was drawn from, a line each.
 */
public final class StatisticsFile {
  private static final ValueLayout.OfDouble DOUBLE =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final String SITE = "site.";
  private static final String AMAX = ".amax";
  private static final String SUM = ".absolute_sum";
  private static final String HISTOGRAM = ".histogram";
  private static final String ROWS = ".rows";
  private static final String MOMENT = ".second_moment.";
  private static final int FIELDS = 6;

  private StatisticsFile() {}

  /**
   * Writes a new file.
   *
   * @param about further metadata
   */
  public static void write(Path file, Map<String, Seen> seen, Map<String, String> about) {
    Map<String, String> metadata = new LinkedHashMap<>(about);
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    try (Arena arena = Arena.ofShared()) {
      int number = 0;
      for (Map.Entry<String, Seen> entry : seen.entrySet()) {
        metadata.put(SITE + "%08d".formatted(number++), text(entry.getKey(), entry.getValue()));
        put(entry.getKey(), entry.getValue(), tensors, arena);
      }
      List<TensorInfo> infos =
          tensors.entrySet().stream()
              .map(e -> new TensorInfo(e.getKey(), e.getValue().dtype(), e.getValue().shape()))
              .toList();
      try (SafetensorsWriter writer =
          SafetensorsWriter.create(file, SafetensorsLayout.of(infos, metadata))) {
        tensors.forEach(writer::write);
        writer.finish();
      }
    }
  }

  private static String text(String name, Seen seen) {
    return String.join(
        "\n",
        name,
        Long.toString(seen.statistics().rows()),
        Double.toString(seen.histogram().map(Histogram::width).orElse(0.0)),
        Long.toString(seen.histogram().map(Histogram::zerosBefore).orElse(0L)),
        Long.toString(seen.rows().map(RowSample::stride).orElse(0L)),
        Long.toString(seen.rows().map(RowSample::seen).orElse(0L)));
  }

  private static void put(String name, Seen seen, Map<String, Tensor> tensors, Arena arena) {
    ChannelSummary summary = seen.statistics().summary();
    Shape channels = Shape.of(summary.amax().length);
    tensors.put(name + AMAX, Tensor.ofFloats(arena, channels, summary.amax()));
    Tensor sums = Tensor.allocate(arena, DType.F64, channels);
    MemorySegment.copy(
        summary.absoluteSum(), 0, sums.segment(), DOUBLE, 0, summary.absoluteSum().length);
    tensors.put(name + SUM, sums);
    seen.histogram()
        .ifPresent(histogram -> {
          long[] counts = histogram.counts();
          Tensor tensor = Tensor.allocate(arena, DType.I64, Shape.of(counts.length));
          MemorySegment.copy(counts, 0, tensor.segment(), LONG, 0, counts.length);
          tensors.put(name + HISTOGRAM, tensor);
        });
    seen.rows()
        .ifPresent(rows ->
            tensors.put(
                name + ROWS,
                Tensor.ofFloats(arena, Shape.of(rows.count(), rows.channels()), rows.toArray())));
    seen.secondMoment()
        .ifPresent(moment -> {
          for (int b = 0; b < moment.panels().size(); b++) {
            tensors.put(name + MOMENT + b, moment.panels().get(b));
          }
        });
  }

  /**
   * What was seen, by site, in the order in which sites were first seen; second moments are copies
   * that closing gives back.
   *
   * @throws DataException if the file is not complete
   */
  public static Map<String, Seen> read(SafetensorsFile file) {
    Map<String, Seen> seen = new LinkedHashMap<>();
    try {
      new TreeMap<>(file.metadata())
          .forEach((key, value) -> {
            if (key.startsWith(SITE)) {
              String[] fields = value.split("\n", -1);
              if (fields.length != FIELDS) {
                throw damaged(file, key + " has " + fields.length + " lines");
              }
              seen.put(fields[0], site(file, fields));
            }
          });
      return seen;
    } catch (NumberFormatException e) {
      seen.values().forEach(Seen::close);
      throw damaged(file, "a number is none: " + e.getMessage());
    } catch (RuntimeException | Error e) {
      seen.values().forEach(Seen::close);
      throw e;
    }
  }

  private static Seen site(SafetensorsFile file, String[] fields) {
    String name = fields[0];
    long rows = Long.parseLong(fields[1]);
    try (Arena arena = Arena.ofShared()) {
      float[] amax = open(file, name + AMAX, DType.F32, arena).toFloats();
      int channels = amax.length;
      double[] sums = open(file, name + SUM, DType.F64, arena).segment().toArray(DOUBLE);
      if (sums.length != channels) {
        throw damaged(file, name + " has " + channels + " maxima and " + sums.length + " sums");
      }
      Statistics statistics = Statistics.of(new ChannelSummary(rows, amax, sums));
      Optional<Histogram> histogram =
          file.find(name + HISTOGRAM)
              .map(info ->
                  Histogram.of(
                      open(file, info.name(), DType.I64, arena).segment().toArray(LONG),
                      Double.parseDouble(fields[2]),
                      Long.parseLong(fields[3])));
      Optional<RowSample> sample =
          file.find(name + ROWS)
              .map(info ->
                  RowSample.of(
                      channels,
                      open(file, info.name(), DType.F32, arena).toFloats(),
                      Long.parseLong(fields[4]),
                      Long.parseLong(fields[5])));
      return Seen.of(statistics, histogram, moment(file, name, channels, rows, arena), sample);
    }
  }

  private static Optional<SecondMoment> moment(
      SafetensorsFile file, String name, int channels, long tokens, Arena arena) {
    if (file.find(name + MOMENT + 0).isEmpty()) {
      return Optional.empty();
    }
    List<Tensor> panels = new ArrayList<>();
    for (int from = 0; from < channels; from += SecondMoment.PANEL) {
      Tensor panel = open(file, name + MOMENT + panels.size(), DType.F32, arena);
      Shape shape = Shape.of(Math.min(SecondMoment.PANEL, channels - from), channels - from);
      if (!panel.shape().equals(shape)) {
        throw damaged(file, name + MOMENT + panels.size() + " is not " + shape);
      }
      panels.add(panel);
    }
    return Optional.of(SecondMoment.of(channels, tokens, panels));
  }

  private static Tensor open(SafetensorsFile file, String name, DType dtype, Arena arena) {
    TensorInfo info = file.find(name).orElseThrow(() -> damaged(file, name + " is missing"));
    if (info.dtype() != dtype) {
      throw damaged(file, name + " is " + info.dtype() + ", not " + dtype);
    }
    return file.open(name, arena);
  }

  private static DataException damaged(SafetensorsFile file, String what) {
    return new DataException(
        "%s: no statistics of this program, or damaged: %s; gather them again"
            .formatted(file.path(), what));
  }
}
