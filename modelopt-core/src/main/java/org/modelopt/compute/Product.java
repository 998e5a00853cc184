package org.modelopt.compute;

import java.util.Optional;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Tensor;

/** Products of large matrices in host memory with float32 sums, as algorithms need them. */
public interface Product {
  /** Opens a scope for results. */
  Scope openScope();

  /**
   * {@code x wᵀ}.
   *
   * @param x F32 {@code [t, k]}
   * @param w F32 {@code [n, k]}
   * @param scope owner of the result
   * @return F32 {@code [t, n]} in host memory
   */
  Tensor multiply(Tensor x, Tensor w, Scope scope);

  /**
   * {@link Backend#gram}.
   *
   * @param x F32 or BF16 {@code [t, c]}
   * @param scope owner of the result
   * @return F32 {@code [to - from, c - from]} in host memory
   */
  Tensor gram(Tensor x, int from, int to, Scope scope);

  /** Products on the device of {@code backend}. */
  static Product on(Backend backend) {
    return new Product() {
      @Override
      public Scope openScope() {
        return backend.openScope();
      }

      @Override
      public Tensor multiply(Tensor x, Tensor w, Scope scope) {
        Tensor left = backend.toDevice(x, DType.F32, scope);
        Tensor right = backend.toDevice(w, DType.F32, scope);
        return backend.toHost(backend.linear(left, right, Optional.empty(), scope), scope);
      }

      @Override
      public Tensor gram(Tensor x, int from, int to, Scope scope) {
        Tensor device = backend.toDevice(x, x.dtype(), scope);
        return backend.toHost(backend.gram(device, from, to, scope), scope);
      }
    };
  }
}
