package org.modelopt.compute.cuda;

import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT;
import static org.modelopt.compute.cuda.CudaDriver.check;

import java.nio.charset.StandardCharsets;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;
import org.modelopt.error.DeviceException;

/** One GPU: its context and the streams that all work goes through. */
final class CudaDevice implements AutoCloseable {
  /** Kernels use bfloat16 matrix instructions, which began with compute capability 8.0. */
  private static final int OLDEST = 80;

  private final int index;
  private final CUdevice device = new CUdevice();
  private final CUcontext context = new CUcontext();
  private final String name;
  private final int capability;
  private final CudaStream compute;
  private final CUstream upload;

  CudaDevice(int index) {
    if (index >= CudaDriver.devices()) {
      throw new DeviceException(
          "there is no device cuda:%d; the driver sees %d, from cuda:0 on"
              .formatted(index, CudaDriver.devices()));
    }
    this.index = index;
    check(JCudaDriver.cuDeviceGet(device, index), "opening cuda:" + index);
    byte[] bytes = new byte[256];
    check(JCudaDriver.cuDeviceGetName(bytes, bytes.length, device), "asking for a name");
    int length = 0;
    while (length < bytes.length && bytes[length] != 0) {
      length++;
    }
    this.name = new String(bytes, 0, length, StandardCharsets.US_ASCII);
    this.capability =
        10 * attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)
            + attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
    if (capability < OLDEST) {
      throw new DeviceException(
          "%s (cuda:%d) has compute capability %s; 8.0 (Ampere) or newer is needed"
              .formatted(name, index, capabilityText()));
    }
    check(JCudaDriver.cuDevicePrimaryCtxRetain(context, device), "making a context on " + name);
    makeCurrent();
    this.compute = stream();
    this.upload = stream();
  }

  private static CudaStream stream() {
    CudaStream stream = new CudaStream();
    check(
        JCudaDriver.cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING),
        "making a stream");
    return stream;
  }

  private int attribute(int attribute) {
    int[] value = new int[1];
    check(JCudaDriver.cuDeviceGetAttribute(value, attribute, device), "asking what the GPU can do");
    return value[0];
  }

  /** To be called by a thread before any work on this device. */
  void makeCurrent() {
    check(JCudaDriver.cuCtxSetCurrent(context), "switching to cuda:" + index);
  }

  /** For messages: {@code cuda:0}. */
  String location() {
    return "cuda:" + index;
  }

  /** Name of the card. */
  String name() {
    return name;
  }

  /** For example {@code 9.0}. */
  String capabilityText() {
    return capability / 10 + "." + capability % 10;
  }

  int multiprocessors() {
    return attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
  }

  /** The stream of all kernels, products and downloads. */
  CudaStream compute() {
    return compute;
  }

  /** The stream of uploads. */
  CUstream upload() {
    return upload;
  }

  /** Bytes that are free on the device now. */
  long freeBytes() {
    makeCurrent();
    long[] free = new long[1];
    check(JCudaDriver.cuMemGetInfo(free, new long[1]), "asking for free memory");
    return free[0];
  }

  /** Waits for everything that was asked of the device. */
  void synchronize() {
    makeCurrent();
    check(JCudaDriver.cuStreamSynchronize(upload), "uploading");
    check(JCudaDriver.cuStreamSynchronize(compute), "computing");
  }

  /** A new event without a time. */
  static CUevent event() {
    CUevent event = new CUevent();
    check(
        JCudaDriver.cuEventCreate(event, CUevent_flags.CU_EVENT_DISABLE_TIMING), "making an event");
    return event;
  }

  @Override
  public void close() {
    makeCurrent();
    JCudaDriver.cuStreamDestroy(compute);
    JCudaDriver.cuStreamDestroy(upload);
    JCudaDriver.cuDevicePrimaryCtxRelease(device);
  }
}
