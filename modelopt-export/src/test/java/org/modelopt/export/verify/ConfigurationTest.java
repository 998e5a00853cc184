package org.modelopt.export.verify;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.modelopt.export.verify.report.Consumer.SGLANG;
import static org.modelopt.export.verify.report.Consumer.TRTLLM_PYTORCH;
import static org.modelopt.export.verify.report.Consumer.VLLM;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.modelopt.export.verify.report.VerifyReport;

class ConfigurationTest extends VerifierFixture {
  private static final TestCheckpoint LLAMA = TinyModels.llama();
  private static final TestCheckpoint MOE = TinyModels.qwen3Moe();
  private static final TestCheckpoint VALID = ModelOptExports.fp8(LLAMA);
  private static final String ATTENTION = "model.layers.0.self_attn";

  private final TestCheckpoint export = VALID.copy();

  private VerifyReport verify() {
    return verify(export, LLAMA, VLLM, SGLANG, TRTLLM_PYTORCH);
  }

  /** Layer 0 keeps its attention unquantized, excluded by {@code entries} and the head. */
  private void keepAttention(String... entries) {
    for (String leaf : List.of("q_proj", "k_proj", "v_proj", "o_proj")) {
      String path = ATTENTION + "." + leaf;
      export.remove(path + ".weight_scale").remove(path + ".input_scale");
      export.put(path + ".weight", LLAMA.get(path + ".weight"));
    }
    List<String> all = new ArrayList<>(List.of(entries));
    all.add("lm_head");
    ModelOptExports.exclude(export, all);
  }

  @Test
  void bothFilesMustNameTheSameAlgorithm() {
    export.nested().put("quant_algo", "NVFP4");

    assertFound(verify(), "configurations disagree", "quant_algo");
  }

  @Test
  void bothFilesMustExcludeTheSameModules() {
    export.nested().putArray("exclude_modules").add("lm_head").add(Q);

    assertFound(verify(), "configurations disagree", "exclude_modules");
  }

  @Test
  void theMethodMustBeNamed() {
    export.inline().remove("quant_method");

    assertFound(verify(), "no quant_method", "config.json");
  }

  @Test
  void anUnknownAlgorithmIsFound() {
    export.inline().put("quant_algo", "FP9");
    export.nested().put("quant_algo", "FP9");

    VerifyReport report = verify();

    assertFound(report, "unknown quant_algo", "quantization_config");
    assertFound(report, "vLLM does not read", "quantization_config", VLLM);
  }

  @Test
  void anUnknownMethodIsFound() {
    export.inline().put("quant_method", "magic");

    assertFound(verify(), "unknown quant_method", "config.json");
  }

  @Test
  void quantizedTensorsWithoutAnyConfigurationAreFound() {
    export.config.remove("quantization_config");
    export.hfQuantConfig = null;

    assertFound(verify(), "without a declared format", Q);
  }

  @Test
  void anUnquantizedCheckpointPasses() {
    assertPasses(verify(LLAMA, LLAMA, VLLM, SGLANG, TRTLLM_PYTORCH));
  }

  @Test
  void theNestedFileAloneServesButTensorRtLlmNeedsIt() {
    export.config.remove("quantization_config");
    assertPasses(verify());

    TestCheckpoint flat = VALID.copy();
    flat.hfQuantConfig = null;
    VerifyReport report = verify(flat, LLAMA, VLLM, TRTLLM_PYTORCH);
    assertFound(report, "no hf_quant_config.json", "hf_quant_config.json", TRTLLM_PYTORCH);
  }

  @Test
  void theOutputHeadMustBeListedForSglangAndTensorRtLlm() {
    ModelOptExports.exclude(export, List.of());

    VerifyReport report = verify();

    assertFound(report, "not excluded", "lm_head", SGLANG, TRTLLM_PYTORCH);
    assertTrue(report.passedFor(VLLM), report::toText);
  }

  @Test
  void aTiedOutputHeadMustBeListedTheSame() {
    export.remove("lm_head.weight").config.put("tie_word_embeddings", true);
    ModelOptExports.exclude(export, List.of());

    assertFound(verify(export, null, VLLM, SGLANG), "lm_head is not excluded", "lm_head", SGLANG);
  }

  @Test
  void sglangNeedsAListThatIsNotNull() {
    export.inline().putNull("ignore");
    export.nested().putNull("exclude_modules");

    assertFound(verify(), "no exclusion list", "config.json", SGLANG);
  }

  @Test
  void wholeBlocksMayBeExcluded() {
    keepAttention(ATTENTION + "*");

    assertPasses(verify());
  }

  @Test
  void allPartsOfAJoinedLayerMayBeExcludedByName() {
    keepAttention(
        ATTENTION + ".q_proj", ATTENTION + ".k_proj", ATTENTION + ".v_proj", ATTENTION + ".o_proj");

    assertPasses(verify());
  }

  @Test
  void aJoinedLayerExcludedInPartIsFound() {
    keepAttention(ATTENTION + ".q_proj", ATTENTION + ".o_proj");

    assertFound(verify(), "excluded in part", ATTENTION + ".qkv_proj", VLLM, SGLANG);
  }

  @Test
  void aPatternThatMissesTheJoinedNameIsFoundForVllm() {
    keepAttention(ATTENTION + ".?_proj");

    assertFound(verify(), "is not excluded", ATTENTION + ".q_proj", VLLM);
  }

  @Test
  void aSubstringThatExcludesTooMuchIsFoundForVllm() {
    ModelOptExports.exclude(export, List.of("lm_head", "gate"));

    assertFound(verify(), "that the exclusion list excludes", "mlp.gate_proj", VLLM);
  }

  @Test
  void anOverBroadPatternIsFound() {
    ModelOptExports.exclude(export, List.of("lm_head", "*gate*"));

    VerifyReport report = verify();

    assertFound(report, "that the exclusion list excludes", "mlp.gate_proj", TRTLLM_PYTORCH);
    assertFound(report, "read differently", "mlp.gate_up_proj", VLLM);
  }

  @Test
  void anExcludedButQuantizedLayerIsFound() {
    ModelOptExports.exclude(export, List.of("lm_head", O));

    assertFound(verify(), "that the exclusion list excludes", O, VLLM, SGLANG, TRTLLM_PYTORCH);
  }

  @Test
  void anUnquantizedLayerThatIsNotExcludedIsFound() {
    export.remove(O + ".weight_scale").remove(O + ".input_scale");
    export.put(O + ".weight", LLAMA.get(O + ".weight"));

    assertFound(verify(), "is not excluded", O, VLLM, SGLANG, TRTLLM_PYTORCH);
  }

  @Test
  void aJoinedLayerQuantizedInPartIsFound() {
    export.remove(Q + ".weight_scale").remove(Q + ".input_scale");
    export.put(Q + ".weight", LLAMA.get(Q + ".weight"));

    assertFound(verify(), "joined layers of different formats", "qkv_proj", VLLM);
  }

  @Test
  void aQuantizedOutputHeadIsFound() {
    Matrix weight = Matrix.of(LLAMA.get("lm_head.weight"));
    float scale = weight.amax() / 448;
    export.put("lm_head.weight", ModelOptExports.e4m3(weight, (r, c) -> scale));
    export.put("lm_head.weight_scale", TestTensor.scalar(scale));
    export.put("lm_head.input_scale", TestTensor.scalar(0.01));
    ModelOptExports.exclude(export, List.of());

    assertFound(verify(), "quantized output head", "lm_head", VLLM);
  }

  @Test
  void theRouterThatVllmBuildsQuantizedMustBeExcluded() {
    TestCheckpoint moe = ModelOptExports.fp8(MOE);
    ModelOptExports.exclude(moe, List.of("lm_head"));

    VerifyReport report = verify(moe, MOE, VLLM, SGLANG);

    assertFound(report, "is not excluded", "model.layers.0.mlp.gate", VLLM);
    assertNoted(report, "router that is not listed", "model.layers.0.mlp.gate", SGLANG);
  }

  @Test
  void oneUnquantizedExpertIsFound() {
    TestCheckpoint moe = ModelOptExports.fp8(MOE);
    String expert = "model.layers.1.mlp.experts.2.down_proj";
    moe.remove(expert + ".weight_scale").remove(expert + ".input_scale");
    moe.put(expert + ".weight", MOE.get(expert + ".weight"));

    assertFound(
        verify(moe, MOE, VLLM), "joined layers of different formats", "model.layers.1.mlp.experts");
  }

  @Test
  void anArchitectureWithoutATableIsStillCompared() {
    export.config.put("model_type", "novel");
    TestCheckpoint original = LLAMA.copy();
    original.config.put("model_type", "novel");
    assertPasses(verify(export, original, VLLM, SGLANG));

    export.remove(Q + ".weight_scale");
    VerifyReport report = verify(export, original, VLLM);
    assertNoted(report, "architecture without a table", "model_type");
    assertFound(report, "missing tensor", Q + ".weight_scale");
    assertFound(verify(export, null, VLLM), "missing tensor", Q + ".weight_scale");
  }

  @Test
  void tensorParallelismMustNotCutHeads() {
    var path = export.write(next());

    assertFound(
        Verifier.verify(path, VerifyOptions.of(VLLM).withTensorParallel(1, 8)),
        "cannot be divided",
        "num_attention_heads",
        VLLM);
    assertPasses(Verifier.verify(path, VerifyOptions.of(VLLM).withTensorParallel(1, 2, 4)));
  }
}
