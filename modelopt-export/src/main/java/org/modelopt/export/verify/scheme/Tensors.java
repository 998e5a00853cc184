package org.modelopt.export.verify.scheme;

import java.util.Optional;
import org.modelopt.tensor.Tensor;

/** The tensors of one linear layer, mapped when asked for. */
@FunctionalInterface
public interface Tensors {
  /** The tensor with this suffix, if there is one. */
  Optional<Tensor> find(String suffix);

  /** The tensor with this suffix, which was checked to be there. */
  default Tensor get(String suffix) {
    return find(suffix)
        .orElseThrow(
            () -> new IllegalStateException("no tensor " + suffix + "; check the parts first"));
  }
}
