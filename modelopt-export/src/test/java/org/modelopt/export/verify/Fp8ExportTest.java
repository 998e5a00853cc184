package org.modelopt.export.verify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.modelopt.export.verify.report.Consumer.SGLANG;
import static org.modelopt.export.verify.report.Consumer.TRANSFORMERS;
import static org.modelopt.export.verify.report.Consumer.TRTLLM_PYTORCH;
import static org.modelopt.export.verify.report.Consumer.VLLM;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.modelopt.error.CheckpointException;
import org.modelopt.export.verify.report.VerifyReport;
import org.modelopt.tensor.DType;

class Fp8ExportTest extends VerifierFixture {
  private static final TestCheckpoint LLAMA = TinyModels.llama();
  private static final TestCheckpoint MOE = TinyModels.qwen3Moe();
  private static final TestCheckpoint VALID = ModelOptExports.fp8WithCache(LLAMA);

  private final TestCheckpoint export = VALID.copy();

  private VerifyReport verify() {
    return verify(export, LLAMA, VLLM, SGLANG, TRTLLM_PYTORCH);
  }

  @Nested
  class AValidExport {
    @Test
    void passesForItsConsumers() {
      VerifyReport report = verify();

      assertPasses(report);
      assertEquals(14, report.quantized());
      assertEquals(VALID.tensors.size(), report.tensorsChecked());
      assertEquals(14, report.errors().size());
      // FP8 with 3 mantissa bits: uniform in a binade gives about 2.6 %.
      assertTrue(report.worst().orElseThrow().relative() < 0.03, report::toText);
      assertTrue(report.worst().orElseThrow().relative() > 0.02, report::toText);
    }

    @Test
    void passesWithoutTheOriginal() {
      VerifyReport report = verify(export, null, VLLM, SGLANG, TRTLLM_PYTORCH);

      assertPasses(report);
      assertTrue(report.summary().endsWith("values not compared"), report::summary);
    }

    @Test
    void passesByTheRulesOfTheFormatAlone() {
      assertPasses(verify(export, LLAMA));
    }

    @Test
    void passesInShards() {
      assertPasses(verify(export.writeShards(next(), 3), LLAMA, VLLM));
    }

    @Test
    void ofAMixtureOfExpertsPasses() {
      assertPasses(verify(ModelOptExports.fp8(MOE), MOE, VLLM, SGLANG, TRTLLM_PYTORCH));
    }

    @Test
    void isRefusedByTransformersWithAdvice() {
      VerifyReport report = verify(export, LLAMA, VLLM, TRANSFORMERS);

      assertFound(report, "transformers does not know", "quantization_config", TRANSFORMERS);
      assertFalse(report.passedFor(TRANSFORMERS));
      assertTrue(report.passedFor(VLLM), report::toText);
      assertTrue(report.toText().contains("compressed-tensors"), report::toText);
    }

    @Test
    void givesTheSameReportOnAnyNumberOfThreads() {
      export.put(Q + ".weight_scale", TestTensor.scalar(1));
      export.remove(DOWN + ".input_scale");
      var path = export.write(next());
      var options = VerifyOptions.of(VLLM).withOriginal(original(LLAMA));

      assertEquals(
          Verifier.verify(path, options.withThreads(1)).toJson(),
          Verifier.verify(path, options.withThreads(3)).toJson());
    }

    @Test
    void withUnquantizedTensorsCastToAnotherTypePasses() {
      for (String name : List.of("model.norm.weight", "lm_head.weight")) {
        TestTensor tensor = export.get(name);
        export.put(name, TestTensor.f16(tensor.dims(), tensor.floats()));
      }

      assertPasses(verify());
    }
  }

  @Nested
  class TheSetOfTensors {
    @Test
    void missesAWeightScale() {
      export.remove(Q + ".weight_scale");

      assertFound(verify(), "missing tensor", Q + ".weight_scale", VLLM, SGLANG);
    }

    @Test
    void missesAnInputScale() {
      export.remove(DOWN + ".input_scale");

      assertFound(verify(), "missing tensor", DOWN + ".input_scale");
    }

    @Test
    void missesAWeight() {
      export.remove(GATE + ".weight");

      assertFound(verify(), "missing tensor", GATE + ".weight");
    }

    @Test
    void missesANorm() {
      export.remove("model.norm.weight");

      assertFound(verify(), "missing tensor", "model.norm.weight");
    }

    @Test
    void missesEverythingOfOneExpert() {
      TestCheckpoint moe = ModelOptExports.fp8(MOE);
      String expert = "model.layers.1.mlp.experts.2.up_proj";
      for (String suffix : List.of("weight", "weight_scale", "input_scale")) {
        moe.remove(expert + "." + suffix);
      }

      assertFound(verify(moe, MOE, VLLM), "missing tensor", expert + ".weight");
    }

    @Test
    void hasAScaleOfTheUnquantizedHead() {
      export.put("lm_head.input_scale", TestTensor.scalar(1));

      assertFound(verify(), "unexpected tensor", "lm_head.input_scale", VLLM);
    }

    @Test
    void hasAFactorThatNobodyApplies() {
      float[] ones = new float[TinyModels.HIDDEN];
      Arrays.fill(ones, 1);
      export.put(O + ".pre_quant_scale", TestTensor.bf16(new long[] {ones.length}, ones));

      assertFound(verify(), "unexpected tensor", O + ".pre_quant_scale");
    }

    @Test
    void hasAHeadThoughEmbeddingsAreTied() {
      export.config.put("tie_word_embeddings", true);

      assertFound(verify(export, null, VLLM), "output head", "lm_head.weight");
    }
  }

  @Nested
  class ATensor {
    @Test
    void hasAScaleInAnotherType() {
      export.put(Q + ".weight_scale", TestTensor.bf16(new long[0], 0.001f));

      assertFound(verify(), "data type or shape", Q + ".weight_scale");
    }

    @Test
    void hasAScaleForEachRow() {
      export.put(
          Q + ".weight_scale",
          TestTensor.f32(new long[] {TinyModels.HIDDEN}, new float[TinyModels.HIDDEN]));

      assertFound(verify(), "data type or shape", Q + ".weight_scale");
    }

    @Test
    void hasCodesStoredAsBytes() {
      TestTensor weight = export.get(Q + ".weight");
      export.put(Q + ".weight", weight.as(DType.U8, weight.dims()));

      assertFound(verify(), "data type or shape", Q + ".weight");
    }

    @Test
    void hasTheWrongOrientation() {
      TestTensor weight = export.get(GATE + ".weight");
      export.put(GATE + ".weight", weight.as(DType.F8_E4M3, TinyModels.HIDDEN, TinyModels.WIDTH));

      assertFound(verify(), "data type or shape", GATE + ".weight");
    }

    @Test
    void hasANanCode() {
      TestTensor weight = export.get(Q + ".weight").copy();
      weight.bytes()[7] = 0x7F;
      export.put(Q + ".weight", weight);

      VerifyReport report = verify();

      assertFound(report, "NaN among the codes", Q + ".weight");
      assertFound(report, "NaN or infinity", Q + ".weight");
    }

    @Test
    void hasANegativeNanCode() {
      TestTensor weight = export.get(Q + ".weight").copy();
      weight.bytes()[0] = (byte) 0xFF;
      export.put(Q + ".weight", weight);

      assertFound(verify(export, null, VLLM), "NaN among the codes", Q + ".weight");
    }

    @Test
    void hasAZeroNegativeOrInfiniteScale() {
      export.put(Q + ".weight_scale", TestTensor.scalar(0));
      export.put(O + ".weight_scale", TestTensor.scalar(-0.001));
      export.put(GATE + ".input_scale", TestTensor.scalar(Double.POSITIVE_INFINITY));
      export.put(DOWN + ".input_scale", TestTensor.scalar(Double.NaN));

      VerifyReport report = verify();

      for (String name :
          List.of(
              Q + ".weight_scale",
              O + ".weight_scale",
              GATE + ".input_scale",
              DOWN + ".input_scale")) {
        assertFound(report, "not finite and positive", name);
      }
    }

    @Test
    void ofAForbiddenType() {
      export.put("model.norm.weight", TestTensor.bytes(DType.F64, new long[] {1}, new byte[8]));

      assertFound(verify(), "data type that loaders do not keep", "model.norm.weight");
    }
  }

  @Nested
  class Values {
    @Test
    void areTransposed() {
      export.put(Q + ".weight", export.get(Q + ".weight").transposed());

      assertFound(verify(), "beyond the error", Q + ".weight");
    }

    @Test
    void areScaledByTheReciprocal() {
      float scale = export.get(Q + ".weight_scale").floats()[0];
      export.put(Q + ".weight_scale", TestTensor.scalar(1 / scale));

      assertFound(verify(), "beyond the error", Q + ".weight");
    }

    @Test
    void areFivePercentTooLarge() {
      float scale = export.get(Q + ".weight_scale").floats()[0];
      export.put(Q + ".weight_scale", TestTensor.scalar(1.05 * scale));

      assertFound(verify(), "constant factor", Q + ".weight");
    }

    @Test
    void haveOneRowInTheWrongOrder() {
      TestTensor weight = export.get(GATE + ".weight").copy();
      for (int i = 0; i < TinyModels.HIDDEN / 2; i++) {
        int other = 5 * TinyModels.HIDDEN + TinyModels.HIDDEN - 1 - i;
        int one = 5 * TinyModels.HIDDEN + i;
        byte kept = weight.bytes()[one];
        weight.bytes()[one] = weight.bytes()[other];
        weight.bytes()[other] = kept;
      }
      export.put(GATE + ".weight", weight);

      VerifyReport report = verify();

      assertFound(report, "weight beyond the error", GATE + ".weight");
      assertTrue(report.toText().contains("row 5 first"), report::toText);
    }

    @Test
    void ofANormAreChanged() {
      TestTensor norm = export.get("model.layers.1.input_layernorm.weight");
      float[] values = norm.floats();
      values[3] *= 2;
      export.put("model.layers.1.input_layernorm.weight", norm.withFloats(values));

      assertFound(verify(), "beyond the error", Q);
    }

    @Test
    void ofTheLastNormAreChanged() {
      TestTensor norm = export.get("model.norm.weight");
      float[] values = norm.floats();
      values[3] += 0.5f;
      export.put("model.norm.weight", norm.withFloats(values));

      assertFalse(verify().passed());
    }

    @Test
    void ofTheEmbeddingAreRotated() {
      TestTensor table = export.get("model.embed_tokens.weight");
      float[] values = table.floats();
      float[] rotated =
          IntStream.range(0, values.length)
              .collect(
                  () -> new float[values.length],
                  (a, i) -> a[(i + 1) % a.length] = values[i],
                  (a, b) -> {});

      export.put("model.embed_tokens.weight", table.withFloats(rotated));

      assertFound(verify(), "differs from the original", "model.embed_tokens.weight");
    }

    @Test
    void ofAFoldedNormAreAcceptedIfTheWeightsFit() {
      String norm = "model.layers.0.post_attention_layernorm.weight";
      float[] values = export.get(norm).floats();
      for (int i = 0; i < values.length; i++) {
        values[i] *= i % 2 == 0 ? 2 : 0.5f;
      }
      export.put(norm, export.get(norm).withFloats(values));
      for (String leaf : List.of("gate_proj", "up_proj")) {
        String path = "model.layers.0.mlp." + leaf;
        Matrix weight = Matrix.of(LLAMA.get(path + ".weight"));
        for (int i = 0; i < weight.values().length; i++) {
          weight.values()[i] /= i % 2 == 0 ? 2 : 0.5f;
        }
        float scale = weight.amax() / 448;
        export.put(path + ".weight", ModelOptExports.e4m3(weight, (r, c) -> scale));
        export.put(path + ".weight_scale", TestTensor.scalar(scale));
      }

      assertPasses(verify());
    }

    @Test
    void ofAnInputScaleAreUpsideDown() {
      export.put(Q + ".input_scale", TestTensor.scalar(100));

      assertFound(verify(), "input scale beyond", Q + ".input_scale");
    }
  }

  @Nested
  class TheCache {
    private static final String K = "model.layers.0.self_attn.k_proj.k_scale";

    @Test
    void missesAScale() {
      export.remove(K);

      assertFound(verify(), "cache scales are not complete", "model.layers.0.self_attn.k_scale");
    }

    @Test
    void isNotAnnounced() {
      export.inline().remove("kv_cache_scheme");
      export.nested().putNull("kv_cache_quant_algo");

      assertFound(verify(), "without a cache format", "quantization_config");
    }

    @Test
    void isAnnouncedInOneFileOnly() {
      export.nested().putNull("kv_cache_quant_algo");

      assertFound(verify(), "configurations disagree", "kv_cache_quant_algo");
    }

    @Test
    void hasAScaleOfZero() {
      export.put(K, TestTensor.scalar(0));

      assertFound(verify(), "scale of the key and value cache", K);
    }

    @Test
    void hasAScaleForEachHead() {
      export.put(K, TestTensor.f32(new long[] {2}, 0.1f, 0.1f));

      assertFound(verify(), "scale of the key and value cache", K);
    }

    @Test
    void withoutAnyScalesIsOnlyNoted() {
      export
          .tensors
          .keySet()
          .removeIf(name -> name.endsWith("k_scale") || name.endsWith("v_scale"));
      VerifyReport report = verify();

      assertPasses(report);
      assertNoted(report, "cache format without scales", "quantization_config");
    }
  }

  @Nested
  class SideFiles {
    @Test
    void differInTheTokenizer() {
      export.files.put("tokenizer.json", "{}".getBytes(StandardCharsets.UTF_8));

      assertFound(verify(), "file differs from the original", "tokenizer.json");
    }

    @Test
    void missTheTokenizer() {
      export.files.remove("tokenizer.json");

      assertNoted(verify(), "file of the original is missing", "tokenizer.json");
    }

    @Test
    void mayTurnSamplingOn() {
      export.files.put(
          "generation_config.json",
          "{\"top_p\": 0.9, \"do_sample\": true}".getBytes(StandardCharsets.UTF_8));

      assertPasses(verify());
    }

    @Test
    void mayNotChangeHowAnswersAreGenerated() {
      export.files.put("generation_config.json", "{\"top_p\": 1}".getBytes(StandardCharsets.UTF_8));

      assertFound(verify(), "file differs", "generation_config.json");
    }

    @Test
    void changeTheNumberOfHeads() {
      export.config.put("num_attention_heads", 8);

      assertFound(verify(), "differs from the original", "config.json num_attention_heads");
    }

    @Test
    void lackTheArchitecture() {
      export.config.remove("architectures");

      assertFound(verify(export, null, VLLM), "config.json field", "architectures");
    }

    @Test
    void lackAFieldThatTheModelNeeds() {
      export.config.remove("hidden_size");

      assertFound(verify(export, null, VLLM), "config.json field", "config.json");
    }

    @Test
    void haveNoConfig() throws Exception {
      var path = export.write(next());
      Files.delete(path.resolve("config.json"));

      assertFound(verify(path, LLAMA, VLLM), "no config.json", "config.json");
    }
  }

  @Nested
  class Misuse {
    @Test
    void isADirectoryThatDoesNotExist() {
      CheckpointException e =
          assertThrows(
              CheckpointException.class,
              () -> Verifier.verify(folder.resolve("nowhere"), VerifyOptions.of(VLLM)));

      assertTrue(e.getMessage().contains("nowhere"), e::getMessage);
    }

    @Test
    void isAnOriginalThatIsQuantizedItself() {
      var path = export.write(next());

      assertThrows(
          CheckpointException.class,
          () -> Verifier.verify(path, VerifyOptions.of(VLLM).withOriginal(path)));
    }
  }
}
