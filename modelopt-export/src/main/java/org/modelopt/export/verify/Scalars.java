package org.modelopt.export.verify;

import java.lang.foreign.Arena;
import java.util.Optional;
import java.util.OptionalDouble;
import org.modelopt.export.verify.checkpoint.ExportTensor;
import org.modelopt.export.verify.scheme.Decode;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Tensor;

/** Reads tensors of one element. */
final class Scalars {
  private Scalars() {}

  /** The value of a float tensor of one element; empty if there is none or it is another kind. */
  static OptionalDouble read(Optional<ExportTensor> stored) {
    if (stored.isEmpty()
        || stored.get().shape().elements() != 1
        || !stored.get().dtype().isWideFloat()) {
      return OptionalDouble.empty();
    }
    try (Arena arena = Arena.ofConfined()) {
      return OptionalDouble.of(stored.get().open(arena).getFloat(0));
    }
  }

  /** The first value of a tensor, for findings. */
  static String describe(ExportTensor stored) {
    if (stored.shape().elements() == 0
        || !(stored.dtype().isWideFloat() || stored.dtype() == DType.I8)) {
      return stored.description();
    }
    try (Arena arena = Arena.ofConfined()) {
      Tensor tensor = stored.open(arena);
      return Decode.scale(tensor, 0) + (stored.shape().elements() > 1 ? ", ..." : "");
    }
  }
}
