package org.modelopt.export.gguf;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import org.modelopt.error.ConfigException;
import org.modelopt.formats.ggml.GgmlType;

/**
 * What a GGUF file is quantized to: a type for most weights, and a rule for those that get a better
 * one. Names and numbers are those of llama.cpp's quantizer.
 */
public enum GgufType {
  /** All weights in F32. */
  F32(0, GgmlType.F32),
  /** All weights in F16. */
  F16(1, GgmlType.F16),
  /** All weights in BF16. */
  BF16(32, GgmlType.BF16),
  /** 8.5 bits. */
  Q8_0(7, GgmlType.Q8_0),
  /** 4.5 bits. */
  Q4_0(2, GgmlType.Q4_0),
  /** 5 bits. */
  Q4_1(3, GgmlType.Q4_1),
  /** 5.5 bits. */
  Q5_0(8, GgmlType.Q5_0),
  /** 6 bits. */
  Q5_1(9, GgmlType.Q5_1),
  /** 2.6 bits, attention and outputs better. */
  Q2_K(10, GgmlType.Q2_K),
  /** 3.4 bits. */
  Q3_K_S(11, GgmlType.Q3_K),
  /** 3.4 bits, some weights better. */
  Q3_K_M(12, GgmlType.Q3_K),
  /** 3.4 bits, more weights better. */
  Q3_K_L(13, GgmlType.Q3_K),
  /** 4.5 bits, the first layers better. */
  Q4_K_S(14, GgmlType.Q4_K),
  /** 4.5 bits, half of the sensitive weights better. */
  Q4_K_M(15, GgmlType.Q4_K),
  /** 5.5 bits. */
  Q5_K_S(16, GgmlType.Q5_K),
  /** 5.5 bits, half of the sensitive weights better. */
  Q5_K_M(17, GgmlType.Q5_K),
  /** 6.6 bits. */
  Q6_K(18, GgmlType.Q6_K),
  /** Experts in MXFP4, all else in Q8_0, as llama.cpp does for gpt-oss. */
  MXFP4_MOE(38, GgmlType.MXFP4),
  /** All linears in MXFP4, embedding and output in Q8_0. */
  MXFP4(38, GgmlType.MXFP4),
  /** All linears in NVFP4 with a scale for each matrix, embedding and output in Q8_0. */
  NVFP4(39, GgmlType.NVFP4);

  private final int fileType;
  private final GgmlType base;

  GgufType(int fileType, GgmlType base) {
    this.fileType = fileType;
    this.base = base;
  }

  /** The number that {@code general.file_type} has. */
  public int fileType() {
    return fileType;
  }

  /** Type of most weights. */
  public GgmlType base() {
    return base;
  }

  /** Whether errors of weights are weighted by importance, where that is known. */
  public boolean weightsErrors() {
    return switch (base) {
      case Q4_0, Q4_1, Q5_0, Q5_1, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K -> true;
      default -> false;
    };
  }

  /**
   * The type called {@code name}, in any case; Q3_K, Q4_K and Q5_K stand for the ones that end in
   * M.
   *
   * @throws ConfigException if there is none; the message lists all
   */
  public static GgufType ofName(String name) {
    String upper = name.toUpperCase(Locale.ROOT);
    String full = upper.matches("Q[345]_K") ? upper + "_M" : upper;
    return Arrays.stream(values())
        .filter(type -> type.name().equals(full))
        .findFirst()
        .orElseThrow(() ->
            new ConfigException(
                "there is no GGUF type \"%s\"; there are %s"
                    .formatted(
                        name,
                        Arrays.stream(values())
                            .map(Enum::name)
                            .collect(Collectors.joining(", ")))));
  }
}
