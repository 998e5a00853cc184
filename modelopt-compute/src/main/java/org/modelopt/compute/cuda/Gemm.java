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
    DType output) {
  private static final int CUDA_R_32F = 0;
  private static final int CUDA_R_16BF = 14;

  /** {@code CUBLAS_COMPUTE_32F}. */
  static final int COMPUTE_FLOAT32 = 68;

  /** {@code CUBLAS_GEMM_DEFAULT}. */
  static final int DEFAULT_ALGORITHM = -1;

  int operationA() {
    return transposeA ? 1 : 0;
  }

  int operationB() {
    return transposeB ? 1 : 0;
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
