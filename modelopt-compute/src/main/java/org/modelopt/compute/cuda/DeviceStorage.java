package org.modelopt.compute.cuda;

import org.modelopt.tensor.Storage;

/**
 * Memory of a scope on the device.
 *
 * @param owner the scope; its closing ends the use
 * @param address where the memory begins
 * @param byteSize its size
 */
record DeviceStorage(CudaScope owner, long address, long byteSize) implements Storage {
  @Override
  public Storage slice(long offset, long size) {
    if (offset < 0 || size < 0 || offset > byteSize - size) {
      throw new IndexOutOfBoundsException(
          "bytes %d to %d are not within %d".formatted(offset, offset + size, byteSize));
    }
    return new DeviceStorage(owner, address + offset, size);
  }

  @Override
  public String location() {
    return owner.location();
  }
}
