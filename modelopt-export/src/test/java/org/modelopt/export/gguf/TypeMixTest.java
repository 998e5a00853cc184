package org.modelopt.export.gguf;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.export.gguf.architecture.ModelShape;
import org.modelopt.export.gguf.architecture.PlannedTensor;
import org.modelopt.formats.ggml.GgmlType;
import org.modelopt.models.hf.HfConfig;

/** Choices of llama.cpp's quantizer on a model of 16 layers. */
class TypeMixTest {
  @TempDir private Path directory;

  private TypeMix mix(GgufType type, int experts, boolean untied, boolean weighted)
      throws IOException {
    return new TypeMix(type, shape(experts), tensors(experts, untied), weighted);
  }

  private ModelShape shape(int experts) throws IOException {
    Path file = directory.resolve("config.json");
    Files.writeString(
        file,
        """
        {"architectures": ["%s"], "hidden_size": 512, "intermediate_size": 512,
         "num_hidden_layers": 16, "num_attention_heads": 8, "num_key_value_heads": 4%s}
        """
            .formatted(
                experts > 0 ? "MixtralForCausalLM" : "LlamaForCausalLM",
                experts > 0
                    ? ", \"num_local_experts\": %d, \"num_experts_per_tok\": 2".formatted(experts)
                    : ""));
    return ModelShape.read(HfConfig.read(file));
  }

  private static List<PlannedTensor> tensors(int experts, boolean untied) {
    List<PlannedTensor> all = new ArrayList<>();
    all.add(tensor("token_embd.weight", 512, 512));
    if (untied) {
      all.add(tensor("output.weight", 512, 512));
    }
    all.add(tensor("output_norm.weight", 512));
    for (int i = 0; i < 16; i++) {
      String layer = "blk." + i + ".";
      all.add(tensor(layer + "attn_norm.weight", 512));
      for (String name : List.of("attn_q", "attn_k", "attn_v", "attn_output")) {
        all.add(tensor(layer + name + ".weight", 512, 512));
      }
      for (String name : List.of("ffn_gate", "ffn_up", "ffn_down")) {
        all.add(
            experts > 0
                ? tensor(layer + name + "_exps.weight", 512, 512, experts)
                : tensor(layer + name + ".weight", 512, 512));
      }
    }
    return all;
  }

  private static PlannedTensor tensor(String name, long... extents) {
    return new PlannedTensor(
        name,
        java.util.Arrays.stream(extents).boxed().toList(),
        new PlannedTensor.Computed(List.of()));
  }

  private static GgmlType type(TypeMix mix, String name) {
    int experts = name.contains("_exps") ? 8 : 0;
    return mix.of(experts > 0 ? tensor(name, 512, 512, experts) : tensor(name, 512, 512));
  }

  @Test
  void countsOfFourBitMedium() throws IOException {
    TypeMix mix = mix(GgufType.Q4_K_M, 0, true, false);
    Map<GgmlType, Integer> counts = new EnumMap<>(GgmlType.class);
    tensors(0, true).forEach(tensor -> counts.merge(mix.of(tensor), 1, Integer::sum));
    assertEquals(Map.of(GgmlType.Q4_K, 97, GgmlType.Q6_K, 17, GgmlType.F32, 17), counts);
  }

  @Test
  void theBetterHalfIsTheEndsAndEveryThirdLayer() throws IOException {
    TypeMix mix = mix(GgufType.Q5_K_M, 0, true, false);
    List<Integer> better = new ArrayList<>();
    for (int i = 0; i < 16; i++) {
      if (type(mix, "blk." + i + ".ffn_down.weight") == GgmlType.Q6_K) {
        better.add(i);
      }
    }
    assertEquals(List.of(0, 1, 4, 7, 10, 13, 14, 15), better);
  }

  @Test
  void threeBitMixesRaiseAttentionAndDown() throws IOException {
    TypeMix medium = mix(GgufType.Q3_K_M, 0, true, false);
    assertEquals(GgmlType.Q5_K, type(medium, "blk.1.attn_v.weight"));
    assertEquals(GgmlType.Q4_K, type(medium, "blk.2.attn_v.weight"));
    assertEquals(GgmlType.Q5_K, type(medium, "blk.0.ffn_down.weight"));
    assertEquals(GgmlType.Q4_K, type(medium, "blk.1.ffn_down.weight"));
    assertEquals(GgmlType.Q4_K, type(medium, "blk.1.attn_output.weight"));
    assertEquals(GgmlType.Q3_K, type(medium, "blk.1.attn_q.weight"));
    assertEquals(
        GgmlType.Q5_K, type(mix(GgufType.Q3_K_L, 0, true, false), "blk.9.attn_output.weight"));
    assertEquals(GgmlType.Q3_K, type(mix(GgufType.Q3_K_S, 0, true, false), "blk.0.attn_v.weight"));
  }

  @Test
  void smallMixesRaiseTheFirstLayers() throws IOException {
    TypeMix small = mix(GgufType.Q4_K_S, 0, true, false);
    assertEquals(GgmlType.Q5_K, type(small, "blk.3.attn_v.weight"));
    assertEquals(GgmlType.Q4_K, type(small, "blk.4.attn_v.weight"));
    assertEquals(GgmlType.Q5_K, type(small, "blk.1.ffn_down.weight"));
    assertEquals(GgmlType.Q4_K, type(small, "blk.2.ffn_down.weight"));
    assertEquals(GgmlType.Q4_1, type(mix(GgufType.Q4_0, 0, true, true), "blk.1.ffn_down.weight"));
    assertEquals(GgmlType.Q4_0, type(mix(GgufType.Q4_0, 0, true, false), "blk.1.ffn_down.weight"));
  }

  @Test
  void eightExpertsGetBetterAttention() throws IOException {
    TypeMix mix = mix(GgufType.Q4_K_M, 8, true, false);
    assertEquals(GgmlType.Q8_0, type(mix, "blk.5.attn_v.weight"));
    assertEquals(GgmlType.Q8_0, type(mix, "blk.5.attn_k.weight"));
    assertEquals(GgmlType.Q5_K, type(mix, "blk.5.attn_output.weight"));
    assertEquals(GgmlType.Q6_K, type(mix, "blk.0.ffn_down_exps.weight"));
    TypeMix large = mix(GgufType.Q3_K_L, 8, true, false);
    assertEquals(GgmlType.Q3_K, type(large, "blk.5.attn_output.weight"));
  }

  @Test
  void outputsAndEmbeddings() throws IOException {
    assertEquals(GgmlType.Q6_K, type(mix(GgufType.Q4_0, 0, true, false), "output.weight"));
    assertEquals(GgmlType.Q4_0, type(mix(GgufType.Q4_0, 0, true, false), "token_embd.weight"));
    assertEquals(GgmlType.Q6_K, type(mix(GgufType.Q4_0, 0, false, false), "token_embd.weight"));
    assertEquals(GgmlType.Q8_0, type(mix(GgufType.Q8_0, 0, true, false), "output.weight"));
    assertEquals(GgmlType.BF16, type(mix(GgufType.BF16, 0, true, false), "output.weight"));
    assertEquals(GgmlType.Q8_0, type(mix(GgufType.NVFP4, 0, true, false), "token_embd.weight"));
  }

  @Test
  void mxfp4ForExpertsLeavesDenseModelsWithoutIt() throws IOException {
    TypeMix moe = mix(GgufType.MXFP4_MOE, 4, true, false);
    assertEquals(GgmlType.MXFP4, type(moe, "blk.0.ffn_down_exps.weight"));
    assertEquals(GgmlType.Q8_0, type(moe, "blk.0.attn_q.weight"));
    TypeMix dense = mix(GgufType.MXFP4_MOE, 0, true, false);
    assertEquals(GgmlType.Q8_0, type(dense, "blk.0.ffn_down.weight"));
    assertEquals(
        GgmlType.MXFP4, type(mix(GgufType.MXFP4, 0, true, false), "blk.0.ffn_down.weight"));
  }

  @Test
  void rowsThatAreNoWholeBlocksFallBack() {
    assertEquals(GgmlType.Q4_K, TypeMix.fitting(GgmlType.Q4_K, 512));
    assertEquals(GgmlType.Q5_0, TypeMix.fitting(GgmlType.Q4_K, 96));
    assertEquals(GgmlType.Q5_1, TypeMix.fitting(GgmlType.Q5_K, 96));
    assertEquals(GgmlType.Q8_0, TypeMix.fitting(GgmlType.Q6_K, 96));
    assertEquals(GgmlType.Q4_0, TypeMix.fitting(GgmlType.Q3_K, 96));
    assertEquals(GgmlType.F16, TypeMix.fitting(GgmlType.Q3_K, 80));
    assertEquals(GgmlType.Q8_0, TypeMix.fitting(GgmlType.NVFP4, 96));
  }
}
