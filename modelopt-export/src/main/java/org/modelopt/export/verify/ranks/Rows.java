package org.modelopt.export.verify.ranks;

import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntToDoubleFunction;
import org.jspecify.annotations.Nullable;
import org.modelopt.export.verify.ranks.RankModel.Module;
import org.modelopt.export.verify.scheme.Decode;
import org.modelopt.export.verify.scheme.Grid;
import org.modelopt.export.verify.scheme.Tile;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Tensor;

/** Reads rows of a module's weight as the program that loads it would. */
final class Rows {
  private final String algorithm;
  private final int group;
  private final Module module;
  private final Tensor weight;
  private final RankTensorSource source;
  private final long first;
  private final Map<String, Tensor> opened = new HashMap<>();
  private final Optional<Tensor> factors;

  Rows(String algorithm, int group, Module module, RankTensorSource source) {
    this.algorithm = module.quantized() ? algorithm : "";
    this.group = group;
    this.module = module;
    this.source = source;
    this.weight = get("weight");
    this.factors = source.find(module.name() + ".prequant_scaling_factor");
    this.first = Math.max(0, module.expert()) * module.totalRows();
  }

  /** Mapped once: finding a tensor opens its file. */
  private Tensor get(String suffix) {
    return opened.computeIfAbsent(
        suffix, key -> source.find(module.name() + "." + key).orElseThrow());
  }

  /** The values of the codes; null where there are none. */
  @Nullable Grid grid() {
    return switch (algorithm) {
      case "FP8", "FP8_PER_CHANNEL_PER_TOKEN" -> Grid.E4M3;
      case "W8A8_SQ_PER_CHANNEL" -> Grid.integers(127);
      case "NVFP4" -> Grid.E2M1;
      case "W4A16_AWQ", "W4A8_AWQ" -> Grid.integers(7);
      default -> null;
    };
  }

  /** Which elements share a scale. */
  Tile tile() {
    return switch (algorithm) {
      case "FP8_PER_CHANNEL_PER_TOKEN", "W8A8_SQ_PER_CHANNEL" -> Tile.ROW;
      case "NVFP4" -> Tile.group(16);
      case "W4A16_AWQ", "W4A8_AWQ" -> Tile.group(group);
      default -> Tile.TENSOR;
    };
  }

  /** What the input of the module is multiplied by, if anything. */
  Optional<float[]> inputFactors() {
    return factors.map(Tensor::toFloats);
  }

  /** Distance of neighbouring integer codes in a row, at each column. */
  void steps(long row, float[] steps, int at) {
    Tensor scales = get("weights_scaling_factor");
    for (int c = 0; c < module.columns(); c++) {
      steps[at + c] =
          algorithm.equals("W8A8_SQ_PER_CHANNEL")
              ? scales.getFloat(first + row)
              : scales.getFloat((first + row) * (module.columns() / group) + c / group);
    }
  }

  /** Values of a row of this rank's part of the module. */
  double[] read(long row) {
    int columns = Math.toIntExact(module.columns());
    double[] values = new double[columns];
    long at = (first + row) * columns;
    switch (algorithm) {
      case "FP8" -> {
        double scale = get("weights_scaling_factor").getFloat(0);
        fill(values, c -> Decode.e4m3(bytes(at + c)) * scale);
      }
      case "FP8_PER_CHANNEL_PER_TOKEN" -> {
        double scale = get("per_channel_scale").getFloat(first + row);
        fill(values, c -> Decode.e4m3(bytes(at + c)) * scale);
      }
      case "W8A8_SQ_PER_CHANNEL" -> {
        double scale = get("weights_scaling_factor").getFloat(first + row);
        fill(values, c -> weight.getFloat(at + c) * scale);
      }
      case "NVFP4" -> nvfp4(values, at);
      case "W4A16_AWQ", "W4A8_AWQ" -> int4(values, row);
      default -> fill(values, c -> weight.getFloat(at + c));
    }
    return values;
  }

  private int bytes(long index) {
    return weight.segment().get(ValueLayout.JAVA_BYTE, index) & 0xFF;
  }

  private static void fill(double[] values, IntToDoubleFunction of) {
    for (int c = 0; c < values.length; c++) {
      values[c] = of.applyAsDouble(c);
    }
  }

  private void nvfp4(double[] values, long at) {
    Tensor scales = get("weights_scaling_factor");
    double global = get("weights_scaling_factor_2").getFloat(0);
    fill(
        values,
        c -> {
          int pair = bytes((at + c) / 2);
          float code = Decode.e2m1((at + c) % 2 == 0 ? pair : pair >> 4);
          return code * (double) Decode.scale(scales, (at + c) / 16) * global;
        });
  }

  private void int4(double[] values, long row) {
    Tensor scales = get("weights_scaling_factor");
    long at = (first + row) / 2 * values.length;
    long groups = values.length / group;
    int left = (first + row) % 2 == 0 ? 28 : 24;
    fill(
        values,
        c ->
            (bytes(at + c) << left >> 28)
                * (double) scales.getFloat((first + row) * groups + c / group));
  }

  /** Whether codes of FP8 are numbers. */
  boolean hasNan() {
    if (weight.dtype() != DType.F8_E4M3) {
      return false;
    }
    for (long i = 0; i < weight.byteSize(); i++) {
      if ((bytes(i) & 0x7F) == 0x7F) {
        return true;
      }
    }
    return false;
  }
}
