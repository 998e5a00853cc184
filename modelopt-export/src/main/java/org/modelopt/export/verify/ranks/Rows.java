package org.modelopt.export.verify.ranks;

import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.modelopt.export.verify.ranks.RankModel.Module;
import org.modelopt.export.verify.scheme.Decode;
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

  /** Largest relative error that the format explains. */
  double bound() {
    return switch (algorithm) {
      case "" -> 0.004;
      case "FP8", "FP8_PER_CHANNEL_PER_TOKEN" -> 0.06;
      case "W8A8_SQ_PER_CHANNEL" -> 0.02;
      default -> 0.27;
    };
  }

  /** Values of a row of this rank's part of the module, factors of inputs undone. */
  double[] read(long row) {
    int columns = Math.toIntExact(module.columns());
    double[] values = new double[columns];
    long at = (first + row) * columns;
    for (int c = 0; c < columns; c++) {
      values[c] =
          switch (algorithm) {
            case "" -> weight.getFloat(at + c);
            case "FP8" ->
                (double) Decode.e4m3(bytes(at + c)) * get("weights_scaling_factor").getFloat(0);
            case "FP8_PER_CHANNEL_PER_TOKEN" ->
                (double) Decode.e4m3(bytes(at + c))
                    * get("per_channel_scale").getFloat(first + row);
            case "W8A8_SQ_PER_CHANNEL" ->
                (double) weight.getFloat(at + c)
                    * get("weights_scaling_factor").getFloat(first + row);
            case "NVFP4" -> nvfp4(at + c);
            default -> int4(row, c);
          };
    }
    factors.ifPresent(by -> {
      for (int c = 0; c < columns; c++) {
        values[c] *= by.getFloat(c);
      }
    });
    return values;
  }

  private int bytes(long index) {
    return weight.segment().get(ValueLayout.JAVA_BYTE, index) & 0xFF;
  }

  private double nvfp4(long index) {
    int pair = bytes(index / 2);
    float code = Decode.e2m1(index % 2 == 0 ? pair : pair >> 4);
    Tensor scales = get("weights_scaling_factor");
    return (double) code
        * Decode.scale(scales, index / 16)
        * get("weights_scaling_factor_2").getFloat(0);
  }

  private double int4(long row, int column) {
    long columns = module.columns();
    int pair = bytes((first + row) / 2 * columns + column);
    int code = ((first + row) % 2 == 0 ? pair << 28 : pair << 24) >> 28;
    Tensor scales = get("weights_scaling_factor");
    long groups = columns / group;
    return (double) code * scales.getFloat((first + row) * groups + column / group);
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
