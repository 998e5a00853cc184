package org.modelopt.export.hf;

import java.util.ArrayList;
import java.util.List;

/**
 * What a quantized linear looks like on disk, beside its bias.
 *
 * @param tensors in a fixed order
 */
public record LinearLayout(List<LinearTensor> tensors) {
  /** Copies the list. */
  public LinearLayout {
    tensors = List.copyOf(tensors);
  }

  /** A layout of these tensors. */
  public static LinearLayout of(LinearTensor... tensors) {
    return new LinearLayout(List.of(tensors));
  }

  /** A copy with more tensors. */
  public LinearLayout and(List<LinearTensor> more) {
    List<LinearTensor> all = new ArrayList<>(tensors);
    all.addAll(more);
    return new LinearLayout(all);
  }
}
