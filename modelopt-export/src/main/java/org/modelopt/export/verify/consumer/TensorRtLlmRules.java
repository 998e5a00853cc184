package org.modelopt.export.verify.consumer;

import java.util.List;
import java.util.Set;
import org.modelopt.export.verify.config.ModelOptSettings;
import org.modelopt.export.verify.config.ModelOptView;
import org.modelopt.export.verify.config.QuantizationSettings;
import org.modelopt.export.verify.layout.LinearModule.Role;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.Violation;

/**
 * TensorRT-LLM with its PyTorch backend.
 *
 * <p>Source: {@code tensorrt_llm/_torch/model_config.py}, {@code
 * tensorrt_llm/quantization/modelopt_config.py}.
 */
final class TensorRtLlmRules implements ConsumerRules {
  private static final Set<Consumer> TENSORRT_LLM = Set.of(Consumer.TRTLLM_PYTORCH);

  /** Members of its enum that it loads from HuggingFace directories, and its one alias. */
  private static final List<String> ALGORITHMS =
      List.of(
          "FP8",
          "FP8_PER_CHANNEL_PER_TOKEN",
          "fp8_pb_wo",
          "NVFP4",
          "NVFP4_AWQ",
          "W4A16_NVFP4",
          "W4A16_AWQ",
          "W4A8_AWQ",
          "W4A8_NVFP4_FP8",
          "W4A8_MXFP4_FP8",
          "W8A16",
          "MXFP8",
          ModelOptSettings.MIXED);

  private static final Violation NO_FILE =
      new Violation(
          "no hf_quant_config.json in its nested form",
          "TensorRT-LLM takes the quantization from there; older releases read no other form",
          "write hf_quant_config.json with producer and quantization");
  private static final Violation ALGORITHM =
      new Violation(
          "quant_algo that TensorRT-LLM does not read",
          "it must be spelled as a member of its enum",
          "export in another format, or for the classic engine");

  @Override
  public Set<Consumer> scope() {
    return TENSORRT_LLM;
  }

  @Override
  public boolean reads(QuantizationSettings settings) {
    return true;
  }

  @Override
  public ExclusionRule exclusions(QuantizationSettings settings) {
    return ExclusionRules.tensorRtLlm(settings.exclusions());
  }

  @Override
  public boolean quantizes(BuiltLayer layer, ExportView export) {
    return layer.module().role() != Role.ROUTER;
  }

  @Override
  public boolean canQuantize(BuiltLayer layer, ExportView export) {
    return true;
  }

  @Override
  public boolean needsHeadExcluded(QuantizationSettings settings) {
    return settings instanceof ModelOptSettings modelOpt && !modelOpt.isMixed();
  }

  @Override
  public void check(ExportView export, Findings findings) {
    if (export.settings() instanceof ModelOptSettings settings) {
      if (!settings.file().map(ModelOptView::nested).orElse(false)) {
        findings.error(
            TENSORRT_LLM,
            NO_FILE,
            Place.file("hf_quant_config.json"),
            "the nested form",
            settings.file().isPresent() ? "the flat form" : "absent");
      }
      String algorithm = settings.view().algorithm();
      if (!ALGORITHMS.contains(algorithm)) {
        findings.error(
            TENSORRT_LLM, ALGORITHM, Place.file(settings.place()), ALGORITHMS, algorithm);
      }
    }
  }
}
