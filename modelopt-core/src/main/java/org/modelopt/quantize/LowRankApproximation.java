package org.modelopt.quantize;

import java.lang.foreign.Arena;
import java.util.Random;
import org.apache.commons.math3.linear.Array2DRowRealMatrix;
import org.apache.commons.math3.linear.EigenDecomposition;
import org.modelopt.compute.Product;
import org.modelopt.compute.Scope;
import org.modelopt.compute.Workers;
import org.modelopt.decision.LowRankBranch;
import org.modelopt.job.Pass;
import org.modelopt.job.ScratchFile;
import org.modelopt.job.Weights;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Tensor;

/**
 * The product of low rank closest to a weight: its largest singular values, found by projection on
 * a random subspace of a few more dimensions and two power iterations, always the same one.
 *
 * <p>Source: SVDQuant (arXiv 2411.05007); Halko, Martinsson, Tropp (arXiv 0909.4061).
 */
final class LowRankApproximation {
  private static final int MORE = 8;
  private static final int ITERATIONS = 2;
  private static final long SEED = 20241107;

  private final Pass pass;
  private final ScratchFile scratch;
  private final DType dtype;

  /**
   * Approximations whose factors are kept in {@code scratch}.
   *
   * @param dtype type that the factors are rounded to
   */
  LowRankApproximation(Pass pass, ScratchFile scratch, DType dtype) {
    this.pass = pass;
    this.scratch = scratch;
    this.dtype = dtype;
  }

  /** The approximation of {@code weight} {@code [out, in]} of rank {@code rank} at most. */
  LowRankBranch of(Tensor weight, int rank, Arena arena) {
    Product product = Product.on(pass.backend());
    Workers workers = pass.backend().workers();
    Tensor w = Weights.rounded(weight, DType.F32, pass, arena);
    int out = Math.toIntExact(w.shape().dim(0));
    int in = Math.toIntExact(w.shape().dim(1));
    Tensor transposed = transposed(Matrix.copyOf(w, workers)).toTensor(arena);
    int kept = Math.min(rank, Math.min(out, in));
    int width = Math.min(kept + MORE, Math.min(out, in));
    Matrix q = Matrix.zeros(width, in);
    Random random = new Random(SEED);
    for (int i = 0; i < q.values().length; i++) {
      q.values()[i] = (float) random.nextGaussian();
    }
    Matrix b;
    try (Scope scope = product.openScope()) {
      q = orthonormal(product.multiply(q.toTensor(arena), w, scope), workers);
      for (int i = 0; i < ITERATIONS; i++) {
        q = orthonormal(product.multiply(q.toTensor(arena), transposed, scope), workers);
        q = orthonormal(product.multiply(q.toTensor(arena), w, scope), workers);
      }
      b = Matrix.copyOf(product.multiply(q.toTensor(arena), transposed, scope), workers);
    }
    double[][] vectors = leading(b, kept);
    Matrix up = Matrix.zeros(out, kept);
    Matrix down = Matrix.zeros(kept, in);
    for (int r = 0; r < kept; r++) {
      for (int i = 0; i < out; i++) {
        up.values()[i * kept + r] = (float) combination(q, vectors[r], i);
      }
      for (int j = 0; j < in; j++) {
        down.values()[r * in + j] = (float) combination(b, vectors[r], j);
      }
    }
    return new LowRankBranch(
        scratch.put(Weights.rounded(down.toTensor(arena), dtype, pass, arena)),
        scratch.put(Weights.rounded(up.toTensor(arena), dtype, pass, arena)));
  }

  private static double combination(Matrix rows, double[] weights, int column) {
    double sum = 0;
    for (int k = 0; k < weights.length; k++) {
      sum += weights[k] * rows.get(k, column);
    }
    return sum;
  }

  private static Matrix transposed(Matrix matrix) {
    Matrix transposed = Matrix.zeros(matrix.columns(), matrix.rows());
    for (int i = 0; i < matrix.rows(); i++) {
      for (int j = 0; j < matrix.columns(); j++) {
        transposed.values()[j * matrix.rows() + i] = matrix.get(i, j);
      }
    }
    return transposed;
  }

  /** Eigenvectors of {@code b bᵀ} with the largest eigenvalues. */
  private static double[][] leading(Matrix b, int count) {
    int n = b.rows();
    double[][] square = new double[n][n];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j <= i; j++) {
        double sum = 0;
        for (int k = 0; k < b.columns(); k++) {
          sum += (double) b.get(i, k) * b.get(j, k);
        }
        square[i][j] = sum;
        square[j][i] = sum;
      }
    }
    EigenDecomposition decomposition =
        new EigenDecomposition(new Array2DRowRealMatrix(square, false));
    double[][] vectors = new double[count][];
    for (int r = 0; r < count; r++) { // eigenvalues of symmetric matrices come in falling order
      vectors[r] = decomposition.getEigenvector(r).toArray();
    }
    return vectors;
  }

  /** Rows made orthonormal, in float64, each against those before it twice. */
  private static Matrix orthonormal(Tensor tensor, Workers workers) {
    Matrix rows = Matrix.copyOf(tensor, workers);
    int n = rows.columns();
    double[][] basis = new double[rows.rows()][n];
    for (int i = 0; i < basis.length; i++) {
      for (int j = 0; j < n; j++) {
        basis[i][j] = rows.get(i, j);
      }
      for (int again = 0; again < 2; again++) {
        for (int k = 0; k < i; k++) {
          double dot = dot(basis[i], basis[k]);
          for (int j = 0; j < n; j++) {
            basis[i][j] -= dot * basis[k][j];
          }
        }
      }
      double norm = Math.sqrt(dot(basis[i], basis[i]));
      for (int j = 0; j < n; j++) {
        basis[i][j] = norm == 0 ? 0 : basis[i][j] / norm;
        rows.values()[i * n + j] = (float) basis[i][j];
      }
    }
    return rows;
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }
}
