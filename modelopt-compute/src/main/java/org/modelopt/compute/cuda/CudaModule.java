package org.modelopt.compute.cuda;

import static org.modelopt.compute.cuda.CudaDriver.check;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import org.modelopt.error.DeviceException;

/** Kernels of one source file, compiled for the device by the driver. */
public final class CudaModule {
  /**
   * How many threads run a kernel.
   *
   * @param blocksX blocks along x
   * @param blocksY blocks along y
   * @param threadsX threads of a block along x
   * @param threadsY threads of a block along y
   * @param sharedBytes dynamic shared memory of a block
   */
  public record Grid(int blocksX, int blocksY, int threadsX, int threadsY, int sharedBytes) {
    /** {@code blocks} blocks of {@code threads} threads in a row. */
    public static Grid of(long blocks, int threads) {
      return new Grid(Math.toIntExact(blocks), 1, threads, 1, 0);
    }
  }

  private final CudaDevice device;
  private final String name;
  private final CUmodule module = new CUmodule();
  private final Map<String, CUfunction> functions = new ConcurrentHashMap<>();

  CudaModule(CudaDevice device, String name, byte[] ptx) {
    this.device = device;
    this.name = name;
    device.makeCurrent();
    // The driver reads text up to a zero byte.
    int result = JCudaDriver.cuModuleLoadData(module, Arrays.copyOf(ptx, ptx.length + 1));
    if (result == CUresult.CUDA_ERROR_UNSUPPORTED_PTX_VERSION) {
      throw new DeviceException(
          "the NVIDIA driver (CUDA %s) is too old for the kernels of this build; install one of CUDA 11.0 or newer"
              .formatted(CudaDriver.version()));
    }
    check(result, "compiling the kernels of %s for %s".formatted(name, device.name()));
  }

  /** Bytes of {@code resource}, which is beside {@code owner}. */
  static byte[] read(Class<?> owner, String resource) {
    try (InputStream in = owner.getResourceAsStream(resource)) {
      return Objects.requireNonNull(in, resource).readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Runs {@code kernel} on the compute stream, after all that was asked before. */
  public void launch(String kernel, Grid grid, KernelArguments arguments) {
    if (grid.blocksX == 0 || grid.blocksY == 0) {
      return;
    }
    device.makeCurrent();
    CUfunction function = functions.computeIfAbsent(kernel, this::function);
    if (grid.sharedBytes > 48 << 10) {
      check(
          JCudaDriver.cuFuncSetAttribute(
              function,
              CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
              grid.sharedBytes),
          "asking for shared memory for " + kernel);
    }
    arguments.withAddress(address ->
        check(
            JCudaDriver.cuLaunchKernel(
                function,
                grid.blocksX,
                grid.blocksY,
                1,
                grid.threadsX,
                grid.threadsY,
                1,
                grid.sharedBytes,
                device.compute(),
                Pointers.host(address),
                null),
            "starting " + kernel));
  }

  private CUfunction function(String kernel) {
    CUfunction function = new CUfunction();
    check(
        JCudaDriver.cuModuleGetFunction(function, module, kernel),
        "looking for %s in %s".formatted(kernel, name));
    return function;
  }
}
