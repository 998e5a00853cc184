package org.modelopt.compute.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import org.modelopt.error.DeviceException;

/**
 * cuBLAS 12 or 13 through the foreign-function interface.
 *
 * <p>Source of names and constants: cuBLAS documentation, sections 2.4 and 2.8.12.
 */
@SuppressWarnings("restricted") // calls into a C library
final class ForeignCublas implements Cublas {
  private final Arena arena = Arena.ofShared();
  private final SymbolLookup library;
  private final MethodHandle gemm;
  private final MethodHandle destroy;
  private final MemorySegment handle;
  private final MemorySegment one;
  private final MemorySegment zero;
  private final int version;

  ForeignCublas(String path, CudaStream stream) {
    this.library =
        path.startsWith("/")
            ? SymbolLookup.libraryLookup(Path.of(path), arena)
            : SymbolLookup.libraryLookup(path, arena);
    this.one = arena.allocateFrom(java.lang.foreign.ValueLayout.JAVA_FLOAT, 1);
    this.zero = arena.allocateFrom(java.lang.foreign.ValueLayout.JAVA_FLOAT, 0);
    this.gemm =
        function(
            "cublasGemmEx",
            ADDRESS,
            JAVA_INT,
            JAVA_INT,
            JAVA_INT,
            JAVA_INT,
            JAVA_INT,
            ADDRESS,
            ADDRESS,
            JAVA_INT,
            JAVA_INT,
            ADDRESS,
            JAVA_INT,
            JAVA_INT,
            ADDRESS,
            ADDRESS,
            JAVA_INT,
            JAVA_INT,
            JAVA_INT,
            JAVA_INT);
    this.destroy = function("cublasDestroy_v2", ADDRESS);
    MemorySegment room = arena.allocate(ADDRESS);
    call("starting cuBLAS", function("cublasCreate_v2", ADDRESS), room);
    this.handle = room.get(ADDRESS, 0);
    call(
        "choosing a stream",
        function("cublasSetStream_v2", ADDRESS, ADDRESS),
        handle,
        MemorySegment.ofAddress(stream.address()));
    MemorySegment found = arena.allocate(JAVA_INT);
    call("asking for a version", function("cublasGetVersion_v2", ADDRESS, ADDRESS), handle, found);
    this.version = found.get(JAVA_INT, 0);
  }

  private MethodHandle function(String name, java.lang.foreign.MemoryLayout... parameters) {
    MemorySegment symbol =
        library
            .find(name)
            .orElseThrow(() -> new DeviceException("the cuBLAS library has no function " + name));
    return Linker.nativeLinker()
        .downcallHandle(symbol, FunctionDescriptor.of(JAVA_INT, parameters))
        .asSpreader(Object[].class, parameters.length)
        .asType(java.lang.invoke.MethodType.methodType(int.class, Object[].class));
  }

  private static void call(String doing, MethodHandle function, Object... arguments) {
    int status;
    try {
      status = (int) function.invokeExact(arguments);
    } catch (Throwable e) {
      throw new DeviceException("cannot call cuBLAS while " + doing, e);
    }
    if (status != 0) {
      throw new DeviceException("cuBLAS failed while %s: status %d".formatted(doing, status));
    }
  }

  @Override
  public String description() {
    return version(version) + " (foreign functions)";
  }

  /** {@code cuBLAS 13.1.0} for 130100. */
  static String version(int version) {
    return "cuBLAS %d.%d.%d".formatted(version / 10000, version / 100 % 100, version % 100);
  }

  @Override
  public void multiply(Gemm product) {
    Object[] arguments = {
      handle,
      product.operationA(),
      product.operationB(),
      product.m(),
      product.n(),
      product.k(),
      one,
      MemorySegment.ofAddress(product.a()),
      product.inputType(),
      product.lda(),
      MemorySegment.ofAddress(product.b()),
      product.inputType(),
      product.ldb(),
      product.beta() == 0 ? zero : one,
      MemorySegment.ofAddress(product.c()),
      product.outputType(),
      product.ldc(),
      product.computeType(),
      Gemm.DEFAULT_ALGORITHM
    };
    call("multiplying " + product, gemm, arguments);
  }

  @Override
  public void close() {
    call("closing cuBLAS", destroy, handle);
    arena.close();
  }
}
