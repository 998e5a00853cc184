package org.modelopt.compute;

import java.lang.foreign.Arena;
import java.util.Optional;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Tensor;

/** The product {@code x wᵀ} of large float32 matrices in host memory, as algorithms need it. */
@FunctionalInterface
public interface Product {
  /**
   * {@code x wᵀ} with float32 sums.
   *
   * @param x F32 {@code [t, k]}
   * @param w F32 {@code [n, k]}
   * @param arena owner of the result
   * @return F32 {@code [t, n]}
   */
  Tensor multiply(Tensor x, Tensor w, Arena arena);

  /** Products on the device of {@code backend}. */
  static Product on(Backend backend) {
    return (x, w, arena) -> {
      try (Scope scope = backend.openScope()) {
        Tensor left = backend.toDevice(x, DType.F32, scope);
        Tensor right = backend.toDevice(w, DType.F32, scope);
        Tensor product = backend.linear(left, right, Optional.empty(), scope);
        Tensor result = Tensor.allocate(arena, DType.F32, product.shape());
        result.segment().copyFrom(backend.toHost(product, scope).segment());
        return result;
      }
    };
  }
}
