package org.modelopt.compute.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.modelopt.compute.Backend;
import org.modelopt.compute.BackendOptions;
import org.modelopt.compute.Backends;
import org.modelopt.compute.Scope;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

class CpuBackendTest {
  @Test
  void serviceLoaderFindsTheBackend() {
    try (Backend backend = Backends.open("cpu", BackendOptions.defaults())) {
      assertEquals("CPU", backend.description().substring(0, 3));
    }
  }

  @Test
  void linearMultipliesByTheTransposedWeightAndAddsTheBias() {
    try (Backend backend = new CpuBackend(BackendOptions.defaults());
        Arena arena = Arena.ofShared();
        Scope scope = backend.openScope()) {
      Tensor x = Tensor.ofFloats(arena, Shape.of(2, 3), 1, 2, 3, 4, 5, 6);
      Tensor w = Tensor.ofFloats(arena, Shape.of(2, 3), 1, 0, -1, 2, 2, 2);
      Tensor bias = Tensor.ofFloats(arena, Shape.of(2), 10, 20);
      Tensor y = backend.linear(x, w, Optional.of(bias), scope);
      assertArrayEquals(new float[] {8, 32, 8, 50}, y.toFloats());
    }
  }

  @Test
  void tensorsOfAClosedScopeCannotBeRead() {
    try (Backend backend = new CpuBackend(BackendOptions.defaults())) {
      Scope scope = backend.openScope();
      Tensor tensor = scope.allocate(DType.F32, Shape.of(4));
      scope.close();
      assertThrows(IllegalStateException.class, () -> tensor.getFloat(0));
      assertThrows(IllegalStateException.class, () -> scope.allocate(DType.F32, Shape.of(4)));
    }
  }
}
