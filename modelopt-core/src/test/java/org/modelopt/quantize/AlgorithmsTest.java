package org.modelopt.quantize;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.modelopt.compute.Workers;
import org.modelopt.numeric.IntFormat;
import org.modelopt.statistics.SecondMoment;

/** Algorithms against figures of Model-Optimizer 0.47 (commit a2fbac7) for a small weight. */
class AlgorithmsTest {
  private static final int BLOCK = 4;

  private final Workers workers = new Workers(2);

  @AfterEach
  void stop() {
    workers.close();
  }

  /** {@code W[i,j] = sin(0.7 (8i + j)) * 0.5 * (1 + j mod 3)}. */
  private static Matrix weight() {
    Matrix weight = Matrix.zeros(4, 8);
    for (int i = 0; i < 32; i++) {
      weight.values()[i] = (float) (Math.sin(0.7 * i) * 0.5 * (1 + i % 8 % 3));
    }
    return weight;
  }

  /** {@code X[t,j] = cos(0.37 (8t + j))}, column 1 times 10, column 5 times 0.1. */
  private static float[] inputs() {
    float[] x = new float[48];
    for (int i = 0; i < x.length; i++) {
      double factor = i % 8 == 1 ? 10 : i % 8 == 5 ? 0.1 : 1;
      x[i] = (float) (Math.cos(0.37 * i) * factor);
    }
    return x;
  }

  private SecondMoment moment(float[] x) {
    return PlainProduct.moment(new Matrix(x.length / 8, 8, x), workers);
  }

  @Test
  void smoothQuantGivesTheReferencesFactors() {
    float[] x = inputs();
    float[] inputAmax = new float[8];
    float[] weightAmax = new float[8];
    for (int i = 0; i < x.length; i++) {
      inputAmax[i % 8] = Math.max(inputAmax[i % 8], Math.abs(x[i]));
    }
    for (int i = 0; i < 32; i++) {
      weightAmax[i % 8] = Math.max(weightAmax[i % 8], Math.abs(weight().values()[i]));
    }
    float[] half = ChannelScaling.smooth(inputAmax, weightAmax, 0.5);
    double[] expected = {
      .69970626, .31235376, 1.21585858, .71017069, 1.0854367, 5.03185225, .84902531, 1.07402587
    };
    for (int j = 0; j < 8; j++) {
      assertEquals(expected[j], 1 / half[j], 1e-5 * expected[j]);
    }
  }

  @Test
  void awqFindsTheReferencesLossesAndFactorsWithoutTheSamples() {
    float[] x = inputs();
    double[] magnitudes = new double[8];
    for (int i = 0; i < x.length; i++) {
      magnitudes[i % 8] += Math.abs(x[i]) / 6.0;
    }
    double[] shares = new double[8];
    ChannelScaling.addWeightMagnitudes(weight(), BLOCK, shares, workers);
    for (int j = 0; j < 8; j++) {
      shares[j] /= 4;
    }
    List<float[]> candidates = new ArrayList<>();
    for (int i = 0; i <= 10; i++) {
      candidates.add(ChannelScaling.awq(magnitudes, shares, Math.min(1, i * 0.1)));
    }
    double[] errors =
        ChannelScaling.errors(
            weight(),
            candidates,
            moment(x),
            w -> Grid.ofMaxima(IntFormat.INT4, w, BLOCK, workers).nearest(w, workers),
            PlainProduct.INSTANCE,
            workers);
    double[] losses = {
      .0892499, .054743, .0281538, .00375996, .00537722, .00990343, .0202526, .00580586, .0530417,
      .101343, .132023
    };
    for (int i = 0; i < losses.length; i++) {
      assertEquals(losses[i], errors[i] / (6 * 4), 2e-4 * losses[i]);
    }
    double[] factors = {
      1.7162106, 2.5812926, 1.1079462, 1.8243333, 1.0344267, .3874028, 1.64894, 1.0614614
    };
    for (int j = 0; j < 8; j++) {
      assertEquals(factors[j], candidates.get(3)[j], 1e-5);
    }
  }

  /** Multiples of the scales of {@code grid}, evenly spaced. */
  private static List<Grid> multiples(Grid grid, double... multiples) {
    List<Grid> grids = new ArrayList<>();
    for (double multiple : multiples) {
      float[] scales = grid.scales();
      for (int i = 0; i < scales.length; i++) {
        scales[i] *= (float) multiple;
      }
      grids.add(grid.withScales(scales));
    }
    return grids;
  }

  @Test
  void clipSearchFindsTheReferencesRatios() {
    Grid grid = Grid.ofMaxima(IntFormat.INT4, weight(), BLOCK, workers);
    double[] tried = ScaleSearch.multiples(0.5, 1, 11);
    int[] found =
        ScaleSearch.best(
            weight(),
            multiples(grid, tried),
            Optional.of(moment(inputs())),
            PlainProduct.INSTANCE,
            workers);
    double[] ratios = {.8, .85, 1, .95, 1, .95, 1, .85};
    for (int i = 0; i < ratios.length; i++) {
      assertEquals(ratios[i], tried[found[i]], 1e-9);
    }
  }

  @Test
  void squaredErrorSearchFindsTheReferencesMaxima() {
    Matrix weight =
        new Matrix(
            2, 8, new float[] {.1f, -.2f, .3f, .4f, 5, .25f, -.35f, .15f, 1, 2, 3, 4, 5, 6, 7, 8});
    Grid grid = Grid.ofMaxima(IntFormat.INT4, weight, 8, workers);
    double[] tried = ScaleSearch.multiples(.25, 4, 39);
    int[] found =
        ScaleSearch.best(
            weight, multiples(grid, tried), Optional.empty(), PlainProduct.INSTANCE, workers);
    assertEquals(4.7039475, 5 * tried[found[0]], 1e-5);
    assertEquals(8.3157902, 8 * tried[found[1]], 1e-5);
  }

  /** {@code cos(0.37 i^1.3)}, the power and the product in float32 as the reference has them. */
  private static float[] gptqInputs() {
    float[] x = new float[128];
    for (int i = 0; i < x.length; i++) {
      x[i] = (float) Math.cos(0.37f * (float) Math.pow(i, 1.3f));
    }
    return x;
  }

  @Test
  void theFactorIsTheInverseOfTheReferences() {
    int[] order = {0, 1, 2, 3, 4, 5, 6, 7};
    ReversedCholesky factor =
        ReversedCholesky.of(moment(gptqInputs()), order, 0.01, PlainProduct.INSTANCE, workers);
    double[] inverse = {
      3.1087775, 3.7022743, 2.8673537, 2.3281662, 1.6711504, 1.7491342, 1.0156547, .9575369
    };
    // The reference's H is 2/16 of ours, so its factor is smaller by the root of that. It
    // factors, inverts and factors again in float32, which costs it some units of 2^-20.
    for (int i = 0; i < 8; i++) {
      assertEquals(
          inverse[i], 1 / (factor.get(i, i) * Math.sqrt(2.0 / 16)), inverse[i] * 10 * 0x1p-20);
    }
  }

  @Test
  void gptqGivesTheReferencesRowAndKeepsRoundingToNearestWhereTheReferenceLoses() {
    Grid grid = Grid.ofMaxima(IntFormat.INT4, weight(), BLOCK, workers);
    SecondMoment moment = moment(gptqInputs());
    Gptq.Result result =
        Gptq.of(moment, 0.01, Gptq.Order.NATURAL, PlainProduct.INSTANCE, workers)
            .round(weight(), grid);
    double[] first = {-.2815657, 0, .9854799, .4223485, .8796958, .3770125, -.1256708, -.8796958};
    double[] third = {-.4181254, -.975626, -.8362508, 0, .8509426, 1.4891495, .6382069, .4254713};
    double[] lost = new double[8];
    double[] ours = new double[8];
    for (int j = 0; j < 8; j++) {
      assertEquals(first[j], result.weight().get(1, j), 1e-5);
      assertEquals(grid.nearest(3, j, weight().get(3, j)), result.weight().get(3, j));
      lost[j] = weight().get(3, j) - third[j];
      ours[j] = (double) weight().get(3, j) - result.weight().get(3, j);
    }
    assertTrue(quadratic(moment, ours) < quadratic(moment, lost));
    assertEquals(0.01, result.damping());
    assertEquals(
        OutputError.of(weight(), result.weight(), moment, PlainProduct.INSTANCE, workers),
        result.error(),
        1e-9);
  }

  private double quadratic(SecondMoment moment, double... d) {
    float[] narrow = new float[d.length];
    for (int j = 0; j < d.length; j++) {
      narrow[j] = (float) d[j];
    }
    return moment.quadratics(narrow, 1, PlainProduct.INSTANCE, workers)[0];
  }

  @Test
  void dampingRisesOnlyUntilTheMomentCanBeFactored() {
    SecondMoment moment = moment(new float[] {1, 1, 1, 1, 1, 1, 1, 1});
    Grid grid = Grid.ofMaxima(IntFormat.INT4, weight(), BLOCK, workers);
    Gptq.Result result =
        Gptq.of(moment, 0, Gptq.Order.BY_MOMENT, PlainProduct.INSTANCE, workers)
            .round(weight(), grid);
    assertEquals(1e-4, result.damping());
    double nearest =
        OutputError.of(
            weight(), grid.nearest(weight(), workers), moment, PlainProduct.INSTANCE, workers);
    assertTrue(result.error() <= nearest);
  }
}
