package org.modelopt.transform;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.modelopt.compute.Workers;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

class ChangesTest {
  private final Workers workers = new Workers(2);

  @AfterEach
  void stop() {
    workers.close();
  }

  private static Tensor tensor(Shape shape, float... values) {
    return Tensor.ofFloats(Arena.ofAuto(), shape, values);
  }

  private float[] changed(Tensor tensor, Change... changes) {
    return Changes.apply(List.of(changes), tensor, workers, Arena.ofAuto()).toFloats();
  }

  private static final Tensor WEIGHT = tensor(Shape.of(2, 3), 1, 2, 3, 4, 5, 6);

  @Test
  void columnsAndRowsAreMultiplied() {
    Tensor columns = tensor(Shape.of(3), 2, 3, 0.5f);
    Tensor rows = tensor(Shape.of(2), -1, 10);
    assertArrayEquals(
        new float[] {-2, -6, -1.5f, 80, 150, 30},
        changed(WEIGHT, new Change.ScaleColumns(columns), new Change.ScaleRows(rows)));
    assertArrayEquals(
        new float[] {-7, 80},
        changed(tensor(Shape.of(2), 7, 8), new Change.ScaleRows(rows)),
        "of a bias, each element");
  }

  @Test
  void aNormThatAddsOneIsScaledWithIt() {
    Tensor factors = tensor(Shape.of(2), 2, 0.25f);
    assertArrayEquals(
        new float[] {2, -0.5f},
        changed(tensor(Shape.of(2), 0.5f, 1), new Change.ScaleNorm(1, factors)));
  }

  @Test
  void rotatingColumnsOfOneAndRowsOfAnotherWeightLeavesTheirProduct() {
    Tensor left = tensor(Shape.of(1, 4), 1, -2, 3, 0.5f);
    Tensor right = tensor(Shape.of(4, 1), 4, 1, -1, 8);
    float[] a = changed(left, new Change.RotateColumns(Rotation.of(4)));
    float[] b = changed(right, new Change.RotateRows(Rotation.of(4)));
    float product = 0;
    for (int i = 0; i < 4; i++) {
      product += a[i] * b[i];
    }
    assertEquals(1 * 4 - 2 - 3 + 4, product, 1e-5);
  }

  @Test
  void factorsThatDoNotFitAreRefused() {
    Change change = new Change.ScaleColumns(tensor(Shape.of(2), 1, 1));
    assertThrows(IllegalArgumentException.class, () -> changed(WEIGHT, change));
  }
}
