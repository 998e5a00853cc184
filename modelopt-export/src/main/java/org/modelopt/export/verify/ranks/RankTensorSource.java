package org.modelopt.export.verify.ranks;

import java.util.Optional;
import org.modelopt.tensor.Tensor;

/** The tensors of one rank's file. */
@FunctionalInterface
interface RankTensorSource {
  Optional<Tensor> find(String name);
}
