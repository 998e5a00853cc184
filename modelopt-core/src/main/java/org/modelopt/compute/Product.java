package org.modelopt.compute;

import java.lang.foreign.Arena;
import java.util.Optional;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Tensor;

/** Products of large matrices in host memory with float32 sums, as algorithms need them. */
public interface Product {
  /**
   * {@code x wᵀ}.
   *
   * @param x F32 {@code [t, k]}
   * @param w F32 {@code [n, k]}
   * @param arena owner of the result
   * @return F32 {@code [t, n]}
   */
  Tensor multiply(Tensor x, Tensor w, Arena arena);

  /**
   * {@link Backend#gram}.
   *
   * @param x F32 or BF16 {@code [t, c]}
   * @param arena owner of the result
   * @return F32 {@code [to - from, c - from]}
   */
  Tensor gram(Tensor x, int from, int to, Arena arena);

  /** Products on the device of {@code backend}. */
  static Product on(Backend backend) {
    return new Product() {
      @Override
      public Tensor multiply(Tensor x, Tensor w, Arena arena) {
        try (Scope scope = backend.openScope()) {
          Tensor left = backend.toDevice(x, DType.F32, scope);
          Tensor right = backend.toDevice(w, DType.F32, scope);
          return kept(backend.linear(left, right, Optional.empty(), scope), arena, scope);
        }
      }

      @Override
      public Tensor gram(Tensor x, int from, int to, Arena arena) {
        try (Scope scope = backend.openScope()) {
          Tensor device = backend.toDevice(x, x.dtype(), scope);
          return kept(backend.gram(device, from, to, scope), arena, scope);
        }
      }

      private Tensor kept(Tensor product, Arena arena, Scope scope) {
        Tensor result = Tensor.allocate(arena, DType.F32, product.shape());
        result.segment().copyFrom(backend.toHost(product, scope).segment());
        return result;
      }
    };
  }
}
