package org.modelopt.compute;

import java.util.Optional;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Tensor;

/** Products of large matrices with float32 sums, as algorithms need them. */
public interface Product {
  /** Opens a scope for results, on the device. */
  Scope openScope();

  /**
   * {@code x wᵀ} of matrices in host memory.
   *
   * @param x F32 {@code [t, k]}
   * @param w F32 {@code [n, k]}
   * @param scope owner of the result
   * @return F32 {@code [t, n]} in host memory
   */
  Tensor multiply(Tensor x, Tensor w, Scope scope);

  /** {@link Backend#gram}, on the device. */
  void gram(Tensor x, int from, int to, boolean add, Tensor sum);

  /** {@link Backend#copyRows}, on the device. */
  void copyRows(Tensor rows, Tensor target, long at);

  /** A copy in host memory of a tensor on the device; the tensor itself if it is there. */
  Tensor toHost(Tensor tensor, Scope scope);

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
      public void gram(Tensor x, int from, int to, boolean add, Tensor sum) {
        backend.gram(x, from, to, add, sum);
      }

      @Override
      public void copyRows(Tensor rows, Tensor target, long at) {
        backend.copyRows(rows, target, at);
      }

      @Override
      public Tensor toHost(Tensor tensor, Scope scope) {
        return backend.toHost(tensor, scope);
      }
    };
  }
}
