package org.modelopt.compute.cuda;

import jcuda.Pointer;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasStatus;
import jcuda.runtime.cudaStream_t;
import org.modelopt.error.DeviceException;

/** cuBLAS 12 through JCublas. */
final class JCublasProduct implements Cublas {
  private static final Pointer ONE = Pointer.to(new float[] {1});
  private static final Pointer ZERO = Pointer.to(new float[] {0});

  private final cublasHandle handle = new cublasHandle();
  private final int version;

  /**
   * @throws LinkageError if JCublas does not load
   */
  JCublasProduct(CudaStream stream) {
    check(JCublas2.cublasCreate(handle), "starting cuBLAS");
    check(JCublas2.cublasSetStream(handle, new cudaStream_t(stream)), "choosing a stream");
    int[] found = new int[1];
    check(JCublas2.cublasGetVersion(handle, found), "asking for a version");
    this.version = found[0];
  }

  @Override
  public String description() {
    return ForeignCublas.version(version) + " (JCublas)";
  }

  @Override
  public void multiply(Gemm gemm) {
    check(
        JCublas2.cublasGemmEx(
            handle,
            gemm.operationA(),
            gemm.operationB(),
            gemm.m(),
            gemm.n(),
            gemm.k(),
            ONE,
            Pointers.device(gemm.a()),
            gemm.inputType(),
            gemm.lda(),
            Pointers.device(gemm.b()),
            gemm.inputType(),
            gemm.ldb(),
            gemm.beta() == 0 ? ZERO : ONE,
            Pointers.device(gemm.c()),
            gemm.outputType(),
            gemm.ldc(),
            gemm.computeType(),
            Gemm.DEFAULT_ALGORITHM),
        "multiplying " + gemm);
  }

  private static void check(int status, String doing) {
    if (status != cublasStatus.CUBLAS_STATUS_SUCCESS) {
      throw new DeviceException(
          "cuBLAS failed while %s: %s".formatted(doing, cublasStatus.stringFor(status)));
    }
  }

  @Override
  public void close() {
    JCublas2.cublasDestroy(handle);
  }
}
