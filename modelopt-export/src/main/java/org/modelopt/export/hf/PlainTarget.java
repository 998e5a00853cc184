package org.modelopt.export.hf;

import java.util.Set;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.export.write.CheckpointPlan;
import org.modelopt.export.write.Subject;
import org.modelopt.export.write.Target;
import org.modelopt.model.Linear;
import org.modelopt.tensor.DType;

/**
 * An ordinary checkpoint without codes: for pruned and rotated models, and to look at a quantized
 * one with programs that know no codes. A quantized weight is written as what its codes stand for.
 *
 * @param dtype type of floats: F32, F16 or BF16
 */
public record PlainTarget(DType dtype) implements Target {
  /** Checks the type. */
  public PlainTarget {
    if (!dtype.isWideFloat()) {
      throw new IllegalArgumentException("plain checkpoints are F32, F16 or BF16, not " + dtype);
    }
  }

  @Override
  public String id() {
    return "plain";
  }

  @Override
  public CheckpointPlan plan(Subject subject) {
    for (Linear linear : subject.model().linears().toList()) {
      subject.requireNothingBeside("a plain checkpoint", linear);
    }
    return HfPlan.plain(subject, "plain " + dtype, dtype)
        .withPlainConfig()
        .build(
            Set.of(Consumer.VLLM, Consumer.SGLANG, Consumer.TRTLLM_PYTORCH, Consumer.TRANSFORMERS));
  }
}
