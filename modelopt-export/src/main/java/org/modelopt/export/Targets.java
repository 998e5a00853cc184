package org.modelopt.export;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.function.BiFunction;
import org.modelopt.export.compressed.CompressedTensorsTarget;
import org.modelopt.export.hf.Fp8BlockTarget;
import org.modelopt.export.hf.Mxfp4Target;
import org.modelopt.export.hf.PlainTarget;
import org.modelopt.export.integer.AutoAwqTarget;
import org.modelopt.export.integer.GptqTarget;
import org.modelopt.export.integer.LlmAwqTarget;
import org.modelopt.export.trtllm.TensorRtLlmTarget;
import org.modelopt.export.unified.ModelOptTarget;
import org.modelopt.export.write.Target;
import org.modelopt.tensor.DType;

/** The kinds of checkpoints by the names that command lines use. */
public final class Targets {
  private static final SequencedMap<String, BiFunction<Integer, Integer, Target>> ALL = all();

  private Targets() {}

  private static SequencedMap<String, BiFunction<Integer, Integer, Target>> all() {
    SequencedMap<String, BiFunction<Integer, Integer, Target>> targets = new LinkedHashMap<>();
    targets.put("hf", (tp, pp) -> new ModelOptTarget());
    targets.put("hf-fp8-block", (tp, pp) -> new Fp8BlockTarget());
    targets.put("hf-mxfp4", (tp, pp) -> new Mxfp4Target());
    targets.put("compressed-tensors", (tp, pp) -> new CompressedTensorsTarget());
    targets.put("autoawq", (tp, pp) -> new AutoAwqTarget());
    targets.put("llm-awq", (tp, pp) -> new LlmAwqTarget());
    targets.put("gptq", (tp, pp) -> new GptqTarget());
    targets.put("trtllm", TensorRtLlmTarget::new);
    targets.put("plain", (tp, pp) -> new PlainTarget(DType.BF16));
    return targets;
  }

  /** All names, in a fixed order. */
  public static List<String> ids() {
    return List.copyOf(ALL.keySet());
  }

  /** The kind called {@code id} with its usual settings, if there is one. */
  public static Optional<Target> find(String id) {
    return find(id, 1, 1);
  }

  /**
   * The kind called {@code id}, if there is one.
   *
   * @param tensorParallel GPUs that share each layer, where a kind has a file for each of them
   * @param pipelineParallel stages of consecutive layers, likewise
   */
  public static Optional<Target> find(String id, int tensorParallel, int pipelineParallel) {
    return Optional.ofNullable(ALL.get(id))
        .map(make -> make.apply(tensorParallel, pipelineParallel));
  }
}
