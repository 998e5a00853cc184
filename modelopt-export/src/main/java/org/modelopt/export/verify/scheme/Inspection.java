package org.modelopt.export.verify.scheme;

/** Rules on the elements of a layer's tensors beside those that {@link Part} expresses. */
@FunctionalInterface
public interface Inspection {
  /** No further rules. */
  Inspection NONE = (tensors, n, k, problems) -> {};

  /** Receives what is wrong. */
  @FunctionalInterface
  interface Problems {
    /** The tensor with {@code suffix} holds {@code found} where {@code expected} is right. */
    void add(String suffix, String expected, String found);
  }

  /** Looks at the tensors of a weight [n, k], which have the right types and shapes. */
  void inspect(Tensors tensors, long n, long k, Problems problems);
}
