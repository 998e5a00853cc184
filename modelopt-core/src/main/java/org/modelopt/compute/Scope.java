package org.modelopt.compute;

import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * Owner of the memory of tensors on a backend's device. Closing a scope gives the memory of all
 * tensors made in it back to the backend; they must not be used afterwards.
 *
 * <p>A scope is used by one thread at a time.
 */
public interface Scope extends AutoCloseable {
  /**
   * A new tensor with undefined content.
   *
   * @throws org.modelopt.error.DeviceException if the device has not enough memory; the message
   *     says how much was asked for
   */
  Tensor allocate(DType dtype, Shape shape);

  @Override
  void close();
}
