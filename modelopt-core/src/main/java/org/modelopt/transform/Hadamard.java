package org.modelopt.transform;

import java.util.Arrays;
import java.util.OptionalInt;

/**
 * Hadamard matrices: entries 1 and -1, rows orthogonal. Orders {@code K 2^p} where K is 1 or of
 * Paley's first or second construction over a prime field.
 *
 * <p>Source: Paley, On orthogonal matrices (1933).
 */
public final class Hadamard {
  private Hadamard() {}

  /** Whether there is a matrix of {@code order}. */
  public static boolean exists(int order) {
    return order > 0 && core(order).isPresent();
  }

  /** Whether the matrix of {@code order} equals its transpose: powers of two do. */
  public static boolean isSymmetric(int order) {
    return Integer.bitCount(order) == 1;
  }

  /** The matrix of {@code order}, row-major. */
  public static float[] matrix(int order) {
    float[] matrix = new float[Math.multiplyExact(order, order)];
    double[] row = new double[order];
    for (int i = 0; i < order; i++) {
      Arrays.fill(row, 0);
      row[i] = 1;
      multiply(row, 0, order, false);
      for (int j = 0; j < order; j++) {
        matrix[i * order + j] = (float) row[j];
      }
    }
    return matrix;
  }

  /** {@code x H}, or {@code x Hᵀ}, for the {@code order} values from {@code from} on, in place. */
  static void multiply(double[] values, int from, int order, boolean transposed) {
    int core =
        core(order)
            .orElseThrow(() -> new IllegalArgumentException("no Hadamard matrix of " + order));
    int width = order / core;
    for (int half = 1; half < width; half *= 2) {
      for (int start = from; start < from + order; start += 2 * half) {
        for (int i = start; i < start + half; i++) {
          double a = values[i];
          double b = values[i + half];
          values[i] = a + b;
          values[i + half] = a - b;
        }
      }
    }
    if (core == 1) {
      return;
    }
    byte[][] matrix = paley(core);
    double[] column = new double[core];
    for (int i = 0; i < width; i++) {
      for (int k = 0; k < core; k++) {
        column[k] = values[from + k * width + i];
      }
      for (int j = 0; j < core; j++) {
        double sum = 0;
        for (int k = 0; k < core; k++) {
          sum += column[k] * (transposed ? matrix[j][k] : matrix[k][j]);
        }
        values[from + j * width + i] = sum;
      }
    }
  }

  /** The smallest K that is 1 or a Paley order, with {@code order = K 2^p}. */
  private static OptionalInt core(int order) {
    int odd = order / Integer.lowestOneBit(order);
    for (int k = odd; k <= order; k *= 2) {
      if (k == 1 || isPaley(k)) {
        return OptionalInt.of(k);
      }
    }
    return OptionalInt.empty();
  }

  private static boolean isPaley(int order) {
    return order % 4 == 0
        && (((order - 1) % 4 == 3 && isPrime(order - 1))
            || ((order / 2 - 1) % 4 == 1 && isPrime(order / 2 - 1)));
  }

  private static boolean isPrime(int n) {
    for (int d = 2; (long) d * d <= n; d++) {
      if (n % d == 0) {
        return false;
      }
    }
    return n > 2;
  }

  private static byte[][] paley(int order) {
    return isPrime(order - 1) ? first(order - 1) : second(order / 2 - 1);
  }

  /** {@code I + [[0, 1], [-1, S]]} with {@code S_ij = character(i - j)}. */
  private static byte[][] first(int q) {
    byte[] character = character(q);
    byte[][] h = new byte[q + 1][q + 1];
    for (int i = 0; i <= q; i++) {
      for (int j = 0; j <= q; j++) {
        int s = i == 0 ? (j == 0 ? 0 : 1) : j == 0 ? -1 : character[Math.floorMod(i - j, q)];
        h[i][j] = (byte) (s + (i == j ? 1 : 0));
      }
    }
    return h;
  }

  /** {@code C x [[1, 1], [1, -1]] + I x [[1, -1], [-1, -1]]} with {@code C = [[0, 1], [1, S]]}. */
  private static byte[][] second(int q) {
    byte[] character = character(q);
    byte[][] h = new byte[2 * (q + 1)][2 * (q + 1)];
    for (int i = 0; i <= q; i++) {
      for (int j = 0; j <= q; j++) {
        int c = i == 0 || j == 0 ? (i == j ? 0 : 1) : character[Math.floorMod(i - j, q)];
        int one = i == j ? 1 : 0;
        h[2 * i][2 * j] = (byte) (c + one);
        h[2 * i][2 * j + 1] = (byte) (c - one);
        h[2 * i + 1][2 * j] = (byte) (c - one);
        h[2 * i + 1][2 * j + 1] = (byte) (-c - one);
      }
    }
    return h;
  }

  /** Quadratic character of 0 to q - 1 modulo the prime q: 0, 1 for squares, -1 for the others. */
  private static byte[] character(int q) {
    byte[] character = new byte[q];
    Arrays.fill(character, (byte) -1);
    character[0] = 0;
    for (long i = 1; i < q; i++) {
      character[(int) (i * i % q)] = 1;
    }
    return character;
  }
}
