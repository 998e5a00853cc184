package org.modelopt.export;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.function.Supplier;
import org.modelopt.export.compressed.CompressedTensorsTarget;
import org.modelopt.export.hf.Fp8BlockTarget;
import org.modelopt.export.hf.PlainTarget;
import org.modelopt.export.integer.AutoAwqTarget;
import org.modelopt.export.integer.GptqTarget;
import org.modelopt.export.integer.LlmAwqTarget;
import org.modelopt.export.unified.ModelOptTarget;
import org.modelopt.export.write.Target;
import org.modelopt.tensor.DType;

/** The kinds of checkpoints by the names that command lines use. */
public final class Targets {
  private static final SequencedMap<String, Supplier<Target>> ALL = all();

  private Targets() {}

  private static SequencedMap<String, Supplier<Target>> all() {
    SequencedMap<String, Supplier<Target>> targets = new LinkedHashMap<>();
    targets.put("hf", ModelOptTarget::new);
    targets.put("hf-fp8-block", Fp8BlockTarget::new);
    targets.put("compressed-tensors", CompressedTensorsTarget::new);
    targets.put("autoawq", AutoAwqTarget::new);
    targets.put("llm-awq", LlmAwqTarget::new);
    targets.put("gptq", GptqTarget::new);
    targets.put("plain", () -> new PlainTarget(DType.BF16));
    return targets;
  }

  /** All names, in a fixed order. */
  public static List<String> ids() {
    return List.copyOf(ALL.keySet());
  }

  /** The kind called {@code id} with its usual settings, if there is one. */
  public static Optional<Target> find(String id) {
    return Optional.ofNullable(ALL.get(id)).map(Supplier::get);
  }
}
