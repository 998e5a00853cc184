package org.modelopt.tensor;

/**
 * What is known of a stored tensor without reading it.
 *
 * @param name unique name within its checkpoint
 * @param dtype type of the elements
 * @param shape sizes along the axes
 */
public record TensorInfo(String name, DType dtype, Shape shape) {
  /** Size in bytes. */
  public long byteSize() {
    return dtype.byteSize(shape.elements());
  }
}
