package org.modelopt.compute.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.util.Locale;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import org.jspecify.annotations.Nullable;
import org.modelopt.error.DeviceException;

/**
 * Whether the CUDA driver works here, found out once: a JCuda class whose native library failed to
 * load must not be touched a second time.
 */
final class CudaDriver {
  private static final String LIBRARY = "libcuda.so.1";

  private record State(
      int version, int devices, @Nullable String refusal, @Nullable Throwable cause) {
    static State refused(String why, @Nullable Throwable cause) {
      return new State(0, 0, why, cause);
    }
  }

  private static final class Holder {
    static final State STATE = probe();
  }

  private CudaDriver() {}

  /**
   * Makes sure that the driver works.
   *
   * @throws DeviceException if it does not; the message says why
   */
  static void require() {
    State state = Holder.STATE;
    if (state.refusal != null) {
      throw state.cause == null
          ? new DeviceException(state.refusal)
          : new DeviceException(state.refusal, state.cause);
    }
  }

  /** Number of devices. */
  static int devices() {
    require();
    return Holder.STATE.devices;
  }

  /** CUDA version of the driver, for example {@code 13.0}. */
  static String version() {
    require();
    int version = Holder.STATE.version;
    return String.format(Locale.ROOT, "%d.%d", version / 1000, version % 1000 / 10);
  }

  private static State probe() {
    if (!libraryExists()) {
      return State.refused(
          "there is no NVIDIA driver (" + LIBRARY + " not found); this machine has no GPU to use",
          null);
    }
    try {
      return initialize();
    } catch (LinkageError e) {
      return State.refused(
          "JCuda's native library cannot be loaded (%s); put jcuda-natives for this system on the class path"
              .formatted(e.getMessage()),
          e);
    }
  }

  @SuppressWarnings("restricted") // only asks whether the library is there
  private static boolean libraryExists() {
    try (Arena arena = Arena.ofConfined()) {
      SymbolLookup.libraryLookup(LIBRARY, arena);
      return true;
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  private static State initialize() {
    int result = JCudaDriver.cuInit(0);
    if (result != CUresult.CUDA_SUCCESS) {
      return State.refused(
          "the NVIDIA driver does not start (%s); nvidia-smi may say more".formatted(name(result)),
          null);
    }
    int[] version = new int[1];
    int[] count = new int[1];
    check(JCudaDriver.cuDriverGetVersion(version), "asking for the driver's version");
    check(JCudaDriver.cuDeviceGetCount(count), "counting devices");
    return count[0] == 0
        ? State.refused("the NVIDIA driver sees no GPU", null)
        : new State(version[0], count[0], null, null);
  }

  /**
   * Turns the result of a driver call into an exception.
   *
   * @param doing what was tried, for the message
   */
  static void check(int result, String doing) {
    if (result != CUresult.CUDA_SUCCESS) {
      throw new DeviceException("the GPU failed while %s: %s".formatted(doing, name(result)));
    }
  }

  /** Name of a result, for example {@code CUDA_ERROR_OUT_OF_MEMORY}. */
  static String name(int result) {
    return CUresult.stringFor(result);
  }
}
