package org.modelopt.models.stored;

import java.lang.foreign.Arena;
import java.util.Set;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.QuantizedTensor;

/**
 * The weight of one linear as it is stored.
 *
 * @param spec what codes and scales mean
 * @param tensors names of all tensors that belong to it
 * @param reader makes codes and scales in the library's own layout
 */
record StoredWeight(QuantSpec spec, Set<String> tensors, Reader reader) {
  /** Reads codes and scales. */
  @FunctionalInterface
  interface Reader {
    /** The codes, owned by {@code arena}; not copied where the layouts agree. */
    QuantizedTensor read(Arena arena);
  }

  /** Copies the names. */
  StoredWeight {
    tensors = Set.copyOf(tensors);
  }
}
