package org.modelopt.export.verify.layout;

import org.modelopt.tensor.Shape;

/**
 * One weight of all experts of a layer.
 *
 * @param name of the tensor where it is not quantized
 * @param experts number of experts
 * @param inFeatures inputs of each
 * @param outFeatures outputs of each
 */
public record StackedWeight(String name, long experts, long inFeatures, long outFeatures) {
  /** Its shape where it is not quantized: inputs before outputs. */
  public Shape shape() {
    return Shape.of(experts, inFeatures, outFeatures);
  }

  /** Rows of all experts, one after the other. */
  public long rows() {
    return Math.multiplyExact(experts, outFeatures);
  }

  /** Path of the module that holds it. */
  public String parent() {
    return name.substring(0, name.lastIndexOf('.'));
  }
}
