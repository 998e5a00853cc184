package org.modelopt.export.verify.consumer;

import java.util.Set;
import org.modelopt.export.verify.config.QuantizationSettings;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.export.verify.report.Findings;

/** What is particular to one consumer. */
public interface ConsumerRules {
  /** Whom findings by these rules concern; empty for the rules of the format itself. */
  Set<Consumer> scope();

  /** Whether this consumer knows the quantization method; if not, the layers are not looked at. */
  boolean reads(QuantizationSettings settings);

  /** The exclusion list as this consumer reads it. */
  ExclusionRule exclusions(ExportView export);

  /**
   * Whether this consumer would look for quantized tensors of {@code layer} if it is not excluded.
   */
  boolean quantizes(BuiltLayer layer, ExportView export);

  /** Whether this consumer can load {@code layer} quantized at all. */
  boolean canQuantize(BuiltLayer layer, ExportView export);

  /** Whether the output head must be in the exclusion list even if it is not quantized. */
  boolean needsHeadExcluded(QuantizationSettings settings);

  /** Holds configuration and formats against what this consumer reads. */
  void check(ExportView export, Findings findings);

  /** The rules of {@code consumer}. */
  static ConsumerRules of(Consumer consumer) {
    return switch (consumer) {
      case VLLM -> new VllmRules();
      case SGLANG -> new SglangRules();
      case TRTLLM_PYTORCH -> new TensorRtLlmRules();
      case TRANSFORMERS -> new TransformersRules();
      case LLAMA_CPP ->
          throw new IllegalArgumentException("llama.cpp reads GGUF files, not directories");
    };
  }

  /** The rules that follow from the format alone, whoever reads it. */
  static ConsumerRules ofFormat() {
    return new FormatRules();
  }
}
