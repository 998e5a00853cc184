package org.modelopt.export.gguf;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.modelopt.export.gguf.architecture.GgufArchitecture;
import org.modelopt.export.gguf.architecture.ModelShape;
import org.modelopt.export.gguf.architecture.PlannedTensor;
import org.modelopt.export.gguf.architecture.TensorPlanner;
import org.modelopt.formats.ggml.GgmlType;

/**
 * Which tensor gets which type. Source: llama.cpp, {@code src/llama-quant.cpp}.
 *
 * <p>Tensors that are no matrices stay F32. Rows that are no whole number of blocks get the type
 * that the reference falls back to; where it has none and gives up, Q8_0 or, for rows that are no
 * multiple of 32, F16.
 */
final class TypeMix {
  private static final int BIG_LAYERS = 80;

  private final GgufType mix;
  private final ModelShape shape;
  private final boolean weighted;
  private final boolean tied;
  private final int attentionLayers;

  /**
   * The mix for one model.
   *
   * @param tensors all of its tensors
   * @param weighted whether there is an importance matrix
   */
  TypeMix(GgufType mix, ModelShape shape, List<PlannedTensor> tensors, boolean weighted) {
    this.mix = mix;
    this.shape = shape;
    this.weighted = weighted;
    Set<String> names = new HashSet<>();
    tensors.forEach(tensor -> names.add(tensor.name()));
    this.tied = !names.contains("output.weight");
    this.attentionLayers =
        (int)
            names.stream()
                .filter(n -> n.endsWith("attn_v.weight") || n.endsWith("attn_qkv.weight"))
                .count();
  }

  /** The type of {@code tensor}. */
  GgmlType of(PlannedTensor tensor) {
    if (!tensor.isMatrix()) {
      return GgmlType.F32;
    }
    return fitting(wanted(tensor), tensor.columns());
  }

  private GgmlType wanted(PlannedTensor tensor) {
    String name = tensor.name();
    GgmlType base = mix.base();
    if (!base.isBlocked()) {
      return base;
    }
    boolean fp4 = base == GgmlType.MXFP4 || base == GgmlType.NVFP4;
    if (name.equals("output.weight") || (name.equals("token_embd.weight") && tied)) {
      boolean broken = tensor.columns() % base.blockElements() != 0;
      return fp4 || base == GgmlType.Q8_0 || broken ? GgmlType.Q8_0 : GgmlType.Q6_K;
    }
    if (name.equals("token_embd.weight")) {
      return fp4 ? GgmlType.Q8_0 : base;
    }
    if (mix == GgufType.MXFP4_MOE) {
      return tensor.extents().size() == 3 ? base : GgmlType.Q8_0;
    }
    if (fp4) {
      return base;
    }
    int layer = TensorPlanner.layer(name);
    if (name.contains("attn_v.weight") || name.contains("attn_qkv.weight")) {
      return value(layer);
    }
    if (name.contains("attn_k.weight")) {
      return eightExperts() ? GgmlType.Q8_0 : base;
    }
    if (name.contains("ffn_down")) {
      return down(layer);
    }
    return name.contains("attn_output.weight") ? output() : base;
  }

  private GgmlType value(int layer) {
    boolean grouped = shape.heads() / shape.keyValueHeads() >= 4;
    GgmlType type =
        switch (mix) {
          case Q2_K -> grouped ? GgmlType.Q4_K : GgmlType.Q3_K;
          case Q3_K_M -> layer < 2 ? GgmlType.Q5_K : GgmlType.Q4_K;
          case Q3_K_L -> GgmlType.Q5_K;
          case Q4_K_M, Q5_K_M -> more(layer, attentionLayers) ? GgmlType.Q6_K : mix.base();
          case Q4_K_S -> layer < 4 ? GgmlType.Q5_K : mix.base();
          default -> mix.base();
        };
    boolean big =
        shape.architecture() == GgufArchitecture.LLAMA
            && shape.layers() == BIG_LAYERS
            && shape.heads() != shape.keyValueHeads();
    if (big && (type == GgmlType.Q3_K || type == GgmlType.Q4_K)) {
      type = GgmlType.Q5_K;
    }
    return eightExperts() ? GgmlType.Q8_0 : type;
  }

  private GgmlType down(int layer) {
    int layers = shape.layers();
    boolean first = layer < layers / 8;
    return switch (mix) {
      case Q2_K -> GgmlType.Q3_K;
      case Q3_K_M -> layer < layers / 16 ? GgmlType.Q5_K : GgmlType.Q4_K;
      case Q3_K_L -> GgmlType.Q5_K;
      case Q4_K_M, Q5_K_M -> more(layer, layers) ? GgmlType.Q6_K : mix.base();
      case Q4_K_S -> first ? GgmlType.Q5_K : mix.base();
      case Q4_0 -> first && weighted ? GgmlType.Q4_1 : mix.base();
      case Q5_0 -> first && weighted ? GgmlType.Q5_1 : mix.base();
      default -> mix.base();
    };
  }

  private GgmlType output() {
    if (eightExperts()) {
      return switch (mix) {
        case Q2_K, Q3_K_S, Q3_K_M, Q4_K_S, Q4_K_M -> GgmlType.Q5_K;
        default -> mix.base();
      };
    }
    return switch (mix) {
      case Q2_K -> GgmlType.Q3_K;
      case Q3_K_M -> GgmlType.Q4_K;
      case Q3_K_L -> GgmlType.Q5_K;
      default -> mix.base();
    };
  }

  private boolean eightExperts() {
    return shape.experts() == 8;
  }

  /** The first and the last eighth, and every third layer between. */
  static boolean more(int i, int n) {
    return i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2;
  }

  /** {@code wanted}, or what stands in for it where rows are no whole number of blocks. */
  static GgmlType fitting(GgmlType wanted, long columns) {
    if (columns % wanted.blockElements() == 0) {
      return wanted;
    }
    if (columns % 32 != 0) {
      return GgmlType.F16;
    }
    return switch (wanted) {
      case Q4_K -> GgmlType.Q5_0;
      case Q5_K -> GgmlType.Q5_1;
      case Q2_K, Q3_K -> GgmlType.Q4_0;
      default -> GgmlType.Q8_0;
    };
  }
}
