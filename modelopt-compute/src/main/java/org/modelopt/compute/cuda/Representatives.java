package org.modelopt.compute.cuda;

import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** Tensors on the device that have the bytes of host memory, as long as their scopes are open. */
final class Representatives {
  private record Entry(long byteSize, Tensor device, CudaScope owner) {}

  private final TreeMap<Long, Entry> byAddress = new TreeMap<>();

  synchronized void put(Tensor host, Tensor device) {
    byAddress.values().removeIf(entry -> entry.owner.isClosed());
    CudaScope owner = ((DeviceStorage) device.storage()).owner();
    byAddress.put(host.segment().address(), new Entry(host.byteSize(), device, owner));
  }

  synchronized Optional<Tensor> of(MemorySegment host, DType dtype, Shape shape) {
    Map.Entry<Long, Entry> found = host.isNative() ? byAddress.floorEntry(host.address()) : null;
    if (found == null) {
      return Optional.empty();
    }
    Entry entry = found.getValue();
    long offset = host.address() - found.getKey();
    long bytes = dtype.byteSize(shape.elements());
    if (entry.owner.isClosed()
        || entry.device.dtype() != dtype
        || bytes > entry.byteSize
        || offset > entry.byteSize - bytes) {
      return Optional.empty();
    }
    return Optional.of(Tensor.of(dtype, shape, entry.device.storage().slice(offset, bytes)));
  }
}
