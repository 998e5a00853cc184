package org.modelopt.compute.cuda;

import org.modelopt.tensor.DType;

/**
 * A product as cuBLAS states it, matrices column-major: {@code c = op(a) op(b) + beta c}.
 *
 * @param transposeA whether op(a) is aᵀ
 * @param transposeB whether op(b) is bᵀ
 * @param m rows of op(a) and c
 * @param n columns of op(b) and c
 * @param k columns of op(a)
 * @param a address of a
 * @param lda distance of columns of a
 * @param b address of b
 * @param ldb distance of columns of b
 * @param beta 0, or 1 to add to c
 * @param c address of c
 * @param ldc distance of columns of c
 * @param inputs F32 or BF16: type of a and b
 * @param output F32, or BF16 if the inputs are: type of c. Sums are float32.
 * @param exact whether float32 inputs count in full, not rounded to the 11 significant bits that
 *     tensor cores take
 */
record Gemm(
    boolean transposeA,
    boolean transposeB,
    int m,
    int n,
    int k,
    long a,
    int lda,
    long b,
    int ldb,
    float beta,
    long c,
    int ldc,
    DType inputs,
    DType output,
    boolean exact) {
  private static final int CUDA_R_32F = 0;
  private static final int CUDA_R_16BF = 14;

  private static final int COMPUTE_32F = 68;
  private static final int COMPUTE_32F_FAST_TF32 = 77;

  /** {@code CUBLAS_GEMM_DEFAULT}. */
  static final int DEFAULT_ALGORITHM = -1;

  /**
   * Row-major {@code y = x wᵀ + beta y}, of {@code x [rows, in]} and {@code w [out, in]}:
   * column-major, {@code yᵀ = w xᵀ} with w read as its transpose.
   */
  static Gemm linear(
      long x, long w, float beta, long y, int rows, int in, int out, DType dtype, boolean exact) {
    return new Gemm(true, false, out, rows, in, w, in, x, in, beta, y, out, dtype, dtype, exact);
  }

  /**
   * Rows {@code from} to {@code to} of row-major {@code sum = xᵀ x + beta sum}, from their diagonal
   * on, of {@code x [rows, columns]}: column-major, x is xᵀ with columns of {@code columns}
   * elements and the result its transpose.
   */
  static Gemm gram(
      long x, int from, int to, float beta, long sum, int rows, int columns, DType dtype) {
    int width = columns - from;
    long first = x + dtype.byteSize(from);
    return new Gemm(
        false, true, width, to - from, rows, first, columns, first, columns, beta, sum, width,
        dtype, DType.F32, true);
  }

  int operationA() {
    return transposeA ? 1 : 0;
  }

  int operationB() {
    return transposeB ? 1 : 0;
  }

  /** {@code cublasComputeType_t}. */
  int computeType() {
    return exact ? COMPUTE_32F : COMPUTE_32F_FAST_TF32;
  }

  int inputType() {
    return type(inputs);
  }

  int outputType() {
    return type(output);
  }

  private static int type(DType dtype) {
    return switch (dtype) {
      case F32 -> CUDA_R_32F;
      case BF16 -> CUDA_R_16BF;
      default -> throw new IllegalArgumentException("no product of " + dtype);
    };
  }
}
