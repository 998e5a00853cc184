package org.modelopt.compute.cuda;

import jcuda.driver.CUstream;

/** A stream that tells its address, for libraries that JCuda does not bind. */
final class CudaStream extends CUstream {
  long address() {
    return getNativePointer();
  }
}
