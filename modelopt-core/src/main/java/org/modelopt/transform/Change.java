package org.modelopt.transform;

import org.modelopt.tensor.Tensor;

/** One change of a parameter. Factors are F32 tensors on the host, finite and not zero. */
public sealed interface Change {
  /**
   * {@code w[i, j] * factors[j]}: the other side of inputs divided by the factors.
   *
   * @param factors {@code [columns]}
   */
  record ScaleColumns(Tensor factors) implements Change {}

  /**
   * {@code w[i, j] * factors[i]}; of a vector, such as a bias, each element.
   *
   * @param factors {@code [rows]}
   */
  record ScaleRows(Tensor factors) implements Change {}

  /**
   * The weight of a normalisation that multiplies by {@code w + offset}: {@code (w + offset) *
   * factors - offset}.
   *
   * @param offset 0, or 1 where the stored weight w stands for 1 + w
   * @param factors {@code [channels]}
   */
  record ScaleNorm(float offset, Tensor factors) implements Change {}

  /**
   * Every row rotated: the other side of inputs rotated by the same rotation.
   *
   * @param rotation what is done to each row
   */
  record RotateColumns(Rotation rotation) implements Change {}

  /**
   * Every column rotated; of a vector, such as a bias, the vector itself.
   *
   * @param rotation what is done to each column
   */
  record RotateRows(Rotation rotation) implements Change {}
}
