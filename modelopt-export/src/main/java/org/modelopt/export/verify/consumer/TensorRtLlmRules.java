package org.modelopt.export.verify.consumer;

import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.modelopt.export.verify.checkpoint.ExportTensor;
import org.modelopt.export.verify.config.AwqSettings;
import org.modelopt.export.verify.config.CompressedGroup;
import org.modelopt.export.verify.config.CompressedGroup.Kind;
import org.modelopt.export.verify.config.CompressedTensorsSettings;
import org.modelopt.export.verify.config.Fp8Settings;
import org.modelopt.export.verify.config.GptqSettings;
import org.modelopt.export.verify.config.ModelOptSettings;
import org.modelopt.export.verify.config.ModelOptView;
import org.modelopt.export.verify.config.ModelOptView.LayerAlgorithm;
import org.modelopt.export.verify.config.Mxfp4Settings;
import org.modelopt.export.verify.config.QuantizationSettings;
import org.modelopt.export.verify.config.UnknownMethod;
import org.modelopt.export.verify.config.Unquantized;
import org.modelopt.export.verify.layout.LinearModule;
import org.modelopt.export.verify.layout.LinearModule.Role;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.Violation;
import org.modelopt.tensor.DType;

/**
 * TensorRT-LLM with its PyTorch backend.
 *
 * <p>Source: {@code tensorrt_llm/_torch/model_config.py}, {@code _torch/modules/linear.py}, {@code
 * tensorrt_llm/quantization/modelopt_config.py}.
 */
final class TensorRtLlmRules implements ConsumerRules {
  private static final Set<Consumer> TENSORRT_LLM = Set.of(Consumer.TRTLLM_PYTORCH);

  /** The alias of block FP8, which is known for the whole model only. */
  private static final String BLOCK_ALIAS = "fp8_pb_wo";

  /** Members of its enum that it loads from HuggingFace directories, and the alias. */
  private static final List<String> ALGORITHMS =
      List.of(
          "FP8",
          "FP8_PER_CHANNEL_PER_TOKEN",
          BLOCK_ALIAS,
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

  private static final Set<Kind> COMPRESSED =
      Collections.unmodifiableSet(
          EnumSet.of(Kind.FP8_CHANNEL_TOKEN, Kind.FP8_BLOCK, Kind.NVFP4, Kind.MXFP4));
  private static final List<String> METHODS =
      List.of("modelopt", "fp8", "compressed-tensors", "mxfp4");
  private static final List<Integer> BLOCK = List.of(128, 128);

  /** Layers before which there is no norm. */
  private static final Set<String> LAST_LEAVES = Set.of("o_proj", "down_proj", "w2");

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
  private static final Violation METHOD =
      new Violation(
          "quantization that TensorRT-LLM does not read",
          "its PyTorch backend stops",
          "export with a ModelOpt configuration (W4A16_AWQ for 4-bit integers)");
  private static final Violation BLOCKS =
      new Violation(
          "fp8 blocks of another size",
          "TensorRT-LLM asserts blocks of 128 by 128",
          "use 128 by 128, or FP8 with a ModelOpt configuration");
  private static final Violation KIND =
      new Violation(
          "compressed-tensors scheme that TensorRT-LLM does not read",
          "it stops",
          "use FP8 by channel and token, FP8 in blocks of 128, NVFP4 with NVFP4 inputs or MXFP4");
  private static final Violation NO_FACTORS =
      new Violation(
          "no pre_quant_scale",
          "TensorRT-LLM asserts that o_proj and down_proj have one",
          "write ones where nothing was smoothed");
  private static final Violation FACTOR_TYPE =
      new Violation(
          "pre_quant_scale of another type",
          "TensorRT-LLM multiplies inputs by it without a cast",
          "store it in the model's type");
  private static final Violation UNREAD_FACTORS =
      new Violation(
          "pre_quant_scale that is not read",
          "TensorRT-LLM expects it folded into the norm before the layer",
          "multiply the norm by it and leave it out");

  @Override
  public Set<Consumer> scope() {
    return TENSORRT_LLM;
  }

  @Override
  public boolean reads(QuantizationSettings settings) {
    return !(settings instanceof AwqSettings || settings instanceof GptqSettings);
  }

  @Override
  public ExclusionRule exclusions(ExportView export) {
    return switch (export.settings()) {
      case ModelOptSettings s -> ExclusionRules.tensorRtLlm(s.exclusions());
      case Fp8Settings s -> {
        List<String> entries = new ArrayList<>(s.exclusions());
        entries.addAll(List.of("*kv_b_proj*", "*k_b_proj*", "*eh_proj"));
        yield ExclusionRules.tensorRtLlm(entries);
      }
      case CompressedTensorsSettings s -> ExclusionRules.compressed(s.exclusions());
      case AwqSettings _, GptqSettings _, Mxfp4Settings _, UnknownMethod _, Unquantized _ ->
          ExclusionRules.none();
    };
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
    return settings instanceof ModelOptSettings modelOpt
        ? !modelOpt.isMixed()
        : settings instanceof Fp8Settings || settings instanceof CompressedTensorsSettings;
  }

  @Override
  public void check(ExportView export, Findings findings) {
    Place place = Place.file("config.json quantization_config");
    switch (export.settings()) {
      case ModelOptSettings s -> checkModelOpt(s, export, findings);
      case Fp8Settings s -> {
        if (!s.blocks().equals(BLOCK)) {
          findings.error(
              TENSORRT_LLM,
              BLOCKS,
              place,
              "weight_block_size " + BLOCK,
              s.blocks().isEmpty() ? "one scale for each weight" : s.blocks());
        }
      }
      case CompressedTensorsSettings s -> {
        for (CompressedGroup group : s.groups()) {
          group
              .kind()
              .filter(kind -> !COMPRESSED.contains(kind))
              .ifPresent(kind -> findings.error(TENSORRT_LLM, KIND, place, COMPRESSED, kind));
        }
      }
      case AwqSettings s -> findings.error(TENSORRT_LLM, METHOD, place, METHODS, s.method());
      case GptqSettings s -> findings.error(TENSORRT_LLM, METHOD, place, METHODS, s.method());
      case Mxfp4Settings _ -> KernelRules.checkStackedExperts(export, TENSORRT_LLM, findings);
      case UnknownMethod _, Unquantized _ -> {
        // Nothing to read, or reported already.
      }
    }
  }

  private static void checkModelOpt(
      ModelOptSettings settings, ExportView export, Findings findings) {
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
      findings.error(TENSORRT_LLM, ALGORITHM, Place.file(settings.place()), ALGORITHMS, algorithm);
    }
    for (Map.Entry<String, LayerAlgorithm> entry : settings.view().layers().entrySet()) {
      String layer = entry.getValue().algorithm();
      if (!ALGORITHMS.contains(layer) || layer.equals(BLOCK_ALIAS)) {
        findings.error(TENSORRT_LLM, ALGORITHM, Place.tensor(entry.getKey()), ALGORITHMS, layer);
      }
    }
    if (algorithm.endsWith("_AWQ")) {
      export
          .quantized()
          .keySet()
          .forEach(module -> checkFactors(module, algorithm, export, findings));
    }
  }

  /** Factors of the input are read where nothing before the layer could take them up. */
  private static void checkFactors(
      LinearModule module, String algorithm, ExportView export, Findings findings) {
    String name = module.path() + ".pre_quant_scale";
    Optional<ExportTensor> factors = export.directory().find(name);
    if (LAST_LEAVES.contains(module.leaf())) {
      if (factors.isEmpty() && !algorithm.equals("NVFP4_AWQ")) {
        findings.error(TENSORRT_LLM, NO_FACTORS, Place.tensor(name), "a tensor", "absent");
      }
      String dtype = export.config().dtype().orElse("");
      if (factors.isPresent()
          && !DType.ofTorchName(dtype).equals(Optional.of(factors.get().dtype()))) {
        findings.error(
            TENSORRT_LLM, FACTOR_TYPE, factors.get().place(), dtype, factors.get().dtype());
      }
    } else if (factors.isPresent()) {
      findings.error(
          TENSORRT_LLM,
          UNREAD_FACTORS,
          factors.get().place(),
          "absent",
          factors.get().description());
    }
  }
}
