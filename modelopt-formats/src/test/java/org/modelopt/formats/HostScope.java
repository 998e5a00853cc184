package org.modelopt.formats;

import java.lang.foreign.Arena;
import org.modelopt.compute.Scope;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** A scope of host memory that an arena owns. */
record HostScope(Arena arena) implements Scope {
  @Override
  public Tensor allocate(DType dtype, Shape shape) {
    return Tensor.allocate(arena, dtype, shape);
  }

  @Override
  public void close() {}
}
