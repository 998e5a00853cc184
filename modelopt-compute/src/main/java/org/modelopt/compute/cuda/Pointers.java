package org.modelopt.compute.cuda;

import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;

/** Between JCuda's pointer objects and addresses. */
final class Pointers {
  /** Tells its address. */
  static final class Device extends CUdeviceptr {
    long address() {
      return getNativePointer() + getByteOffset();
    }
  }

  /** Tells its address. */
  static final class Host extends Pointer {
    long address() {
      return getNativePointer() + getByteOffset();
    }
  }

  private Pointers() {}

  /** A pointer to device memory. */
  static CUdeviceptr device(long address) {
    return new CUdeviceptr().withByteOffset(address);
  }

  /** A pointer to host memory. */
  static Pointer host(long address) {
    return new Pointer().withByteOffset(address);
  }
}
