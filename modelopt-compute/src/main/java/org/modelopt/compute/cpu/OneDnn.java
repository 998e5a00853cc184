package org.modelopt.compute.cpu;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.modelopt.error.DeviceException;
import org.modelopt.tensor.DType;

/**
 * All calls into oneDNN's C interface, {@code dnnl.h} of version 3; the one class that a wrong
 * number or pointer here could crash the JVM from. Every status is checked.
 *
 * <p>Primitives are made and run with one OpenMP thread, that of the caller; spreading work over
 * threads is the caller's part. A primitive may run on several threads at once, each with a
 * scratchpad of its own.
 */
@SuppressWarnings("restricted") // this is the class that calls native code
final class OneDnn implements AutoCloseable {
  private static final int ENGINE_CPU = 1;
  private static final int STREAM_IN_ORDER = 1;
  private static final int SCRATCHPAD_BY_USER = 1;
  private static final int UNIMPLEMENTED = 3;
  private static final int QUERY_IMPLEMENTATION = 8;
  private static final int QUERY_SCRATCHPAD = 136;
  private static final int ARGUMENT_SOURCE = 1;
  private static final int ARGUMENT_RESULT = 17;
  private static final int ARGUMENT_WEIGHTS = 33;
  private static final int ARGUMENT_BIAS = 41;
  private static final int ARGUMENT_SCRATCHPAD = 80;
  private static final int MOST_DIMENSIONS = 12;
  private static final long NAME_LENGTH_LIMIT = 256;

  private final SymbolLookup library;
  private final MethodHandle setThreads;
  private final MethodHandle createDescriptor;
  private final MethodHandle destroyDescriptor;
  private final MethodHandle createProduct;
  private final MethodHandle destroyProduct;
  private final MethodHandle query;
  private final MethodHandle queryDescriptor;
  private final MethodHandle descriptorSize;
  private final MethodHandle createPrimitive;
  private final MethodHandle destroyPrimitive;
  private final MethodHandle createMemory;
  private final MethodHandle destroyMemory;
  private final MethodHandle execute;
  private final MethodHandle createStream;
  private final MethodHandle waitForStream;
  private final MethodHandle destroyStream;
  private final MethodHandle destroyAttributes;
  private final MethodHandle destroyEngine;
  private final MemorySegment engine;
  private final MemorySegment attributes;
  private final String version;
  private final Queue<MemorySegment> idleStreams = new ConcurrentLinkedQueue<>();

  /**
   * Loads the library, which then stays loaded: its thread runtime does not support unloading.
   *
   * @throws DeviceException if it does not load; the message is a reason
   */
  OneDnn(Path path) {
    this.library = open(path);
    this.setThreads = handle("omp_set_num_threads", FunctionDescriptor.ofVoid(JAVA_INT));
    this.createDescriptor =
        status(
            "dnnl_memory_desc_create_with_strides", ADDRESS, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS);
    this.destroyDescriptor = status("dnnl_memory_desc_destroy", ADDRESS);
    this.createProduct =
        status(
            "dnnl_matmul_primitive_desc_create",
            ADDRESS,
            ADDRESS,
            ADDRESS,
            ADDRESS,
            ADDRESS,
            ADDRESS,
            ADDRESS);
    this.destroyProduct = status("dnnl_primitive_desc_destroy", ADDRESS);
    this.query = status("dnnl_primitive_desc_query", ADDRESS, JAVA_INT, JAVA_INT, ADDRESS);
    this.queryDescriptor =
        handle(
            "dnnl_primitive_desc_query_md",
            FunctionDescriptor.of(ADDRESS, ADDRESS, JAVA_INT, JAVA_INT));
    this.descriptorSize =
        handle("dnnl_memory_desc_get_size", FunctionDescriptor.of(JAVA_LONG, ADDRESS));
    this.createPrimitive = status("dnnl_primitive_create", ADDRESS, ADDRESS);
    this.destroyPrimitive = status("dnnl_primitive_destroy", ADDRESS);
    this.createMemory = status("dnnl_memory_create", ADDRESS, ADDRESS, ADDRESS, ADDRESS);
    this.destroyMemory = status("dnnl_memory_destroy", ADDRESS);
    this.execute = status("dnnl_primitive_execute", ADDRESS, ADDRESS, JAVA_INT, ADDRESS);
    this.createStream = status("dnnl_stream_create", ADDRESS, ADDRESS, JAVA_INT);
    this.waitForStream = status("dnnl_stream_wait", ADDRESS);
    this.destroyStream = status("dnnl_stream_destroy", ADDRESS);
    this.destroyAttributes = status("dnnl_primitive_attr_destroy", ADDRESS);
    this.destroyEngine = status("dnnl_engine_destroy", ADDRESS);
    MethodHandle createEngine = status("dnnl_engine_create", ADDRESS, JAVA_INT, JAVA_LONG);
    MethodHandle createAttributes = status("dnnl_primitive_attr_create", ADDRESS);
    MethodHandle setScratchpad =
        status("dnnl_primitive_attr_set_scratchpad_mode", ADDRESS, JAVA_INT);
    MethodHandle setCache = status("dnnl_set_primitive_cache_capacity", JAVA_INT);
    MethodHandle getVersion = handle("dnnl_version", FunctionDescriptor.of(ADDRESS));
    try (Arena arena = Arena.ofConfined()) {
      this.version = version((MemorySegment) getVersion.invokeExact());
      check("cache", (int) setCache.invokeExact(0)); // callers keep what they need again
      MemorySegment out = arena.allocate(ADDRESS);
      check("engine", (int) createEngine.invokeExact(out, ENGINE_CPU, 0L));
      this.engine = out.get(ADDRESS, 0);
      check("attributes", (int) createAttributes.invokeExact(out));
      this.attributes = out.get(ADDRESS, 0);
      check("scratchpad", (int) setScratchpad.invokeExact(attributes, SCRATCHPAD_BY_USER));
    } catch (Throwable e) {
      throw failure(e);
    }
  }

  private static SymbolLookup open(Path path) {
    try {
      return SymbolLookup.libraryLookup(path, Arena.global());
    } catch (IllegalCallerException e) {
      throw new DeviceException("the JVM was started without --enable-native-access", e);
    } catch (IllegalArgumentException e) {
      throw new DeviceException(
          "the system does not load %s; it needs glibc 2.34 or newer".formatted(path), e);
    }
  }

  private MethodHandle handle(String name, FunctionDescriptor descriptor) {
    MemorySegment address =
        library
            .find(name)
            .orElseThrow(() -> new DeviceException("its library has no function " + name));
    return Linker.nativeLinker().downcallHandle(address, descriptor);
  }

  /** A function that returns a status. */
  private MethodHandle status(String name, MemoryLayout... arguments) {
    return handle(name, FunctionDescriptor.of(JAVA_INT, arguments));
  }

  private static String version(MemorySegment numbers) {
    MemorySegment three = numbers.reinterpret(3 * JAVA_INT.byteSize());
    int major = three.getAtIndex(JAVA_INT, 0);
    if (major != 3) {
      throw new DeviceException("its version is %d.x and not 3.x".formatted(major));
    }
    return "3.%d.%d".formatted(three.getAtIndex(JAVA_INT, 1), three.getAtIndex(JAVA_INT, 2));
  }

  /** Version of the library, for example 3.11.0. */
  String version() {
    return version;
  }

  /**
   * Sizes, strides in elements and types of {@code y[m, n] = a[m, k] b[k, n] + bias}. Strides are
   * those of {@link Matrix}; of each matrix, one is 1.
   *
   * @param input type of a, b and bias
   * @param result type of y
   */
  record Form(
      DType input,
      DType result,
      boolean bias,
      long m,
      long n,
      long k,
      long aRowStride,
      long aColumnStride,
      long bRowStride,
      long bColumnStride,
      long yRowStride) {}

  /** A compiled product. */
  record Product(Form form, MemorySegment primitive, String implementation, long scratchBytes) {}

  /** The product of a form, empty if the library has none for it on this processor. */
  Optional<Product> product(Form form) {
    try (Arena arena = Arena.ofConfined()) {
      setThreads.invokeExact(1);
      MemorySegment a = descriptor(form, 'a');
      MemorySegment b = descriptor(form, 'b');
      MemorySegment y = descriptor(form, 'y');
      MemorySegment bias = form.bias() ? descriptor(form, '+') : MemorySegment.NULL;
      try {
        MemorySegment out = arena.allocate(ADDRESS);
        int status = (int) createProduct.invokeExact(out, engine, a, b, bias, y, attributes);
        if (status == UNIMPLEMENTED) {
          return Optional.empty();
        }
        check("product descriptor", status);
        return Optional.of(compile(form, out.get(ADDRESS, 0), arena));
      } finally {
        release(destroyDescriptor, a, b, y, bias);
      }
    } catch (Throwable e) {
      throw failure(e);
    }
  }

  private Product compile(Form form, MemorySegment description, Arena arena) throws Throwable {
    try {
      MemorySegment out = arena.allocate(ADDRESS);
      check("query", (int) query.invokeExact(description, QUERY_IMPLEMENTATION, 0, out));
      String name = out.get(ADDRESS, 0).reinterpret(NAME_LENGTH_LIMIT).getString(0);
      MemorySegment scratchpad =
          (MemorySegment) queryDescriptor.invokeExact(description, QUERY_SCRATCHPAD, 0);
      long scratchBytes = (long) descriptorSize.invokeExact(scratchpad);
      check("primitive", (int) createPrimitive.invokeExact(out, description));
      return new Product(form, out.get(ADDRESS, 0), name, scratchBytes);
    } finally {
      release(destroyProduct, description);
    }
  }

  /** Frees a product. It must not be running. */
  void release(Product product) {
    release(destroyPrimitive, product.primitive());
  }

  /**
   * Runs a product on the calling thread.
   *
   * @param a native memory that begins with element (0, 0) of a and reaches to its last element
   * @param b like a
   * @param bias n elements, {@link MemorySegment#NULL} without
   * @param y like a
   * @param scratch at least {@link Product#scratchBytes}
   */
  void run(
      Product product,
      MemorySegment a,
      MemorySegment b,
      MemorySegment bias,
      MemorySegment y,
      MemorySegment scratch) {
    Form form = product.form();
    requireBytes(
        form.input(),
        a,
        (form.m() - 1) * form.aRowStride() + (form.k() - 1) * form.aColumnStride(),
        form);
    requireBytes(
        form.input(),
        b,
        (form.k() - 1) * form.bRowStride() + (form.n() - 1) * form.bColumnStride(),
        form);
    requireBytes(form.result(), y, (form.m() - 1) * form.yRowStride() + form.n() - 1, form);
    if (form.bias()) {
      requireBytes(form.input(), bias, form.n() - 1, form);
    }
    if (scratch.byteSize() < product.scratchBytes()) {
      throw new IllegalArgumentException(
          "scratchpad of %d bytes, %d needed"
              .formatted(scratch.byteSize(), product.scratchBytes()));
    }
    try (Arena arena = Arena.ofConfined();
        Arguments arguments = new Arguments(arena)) {
      setThreads.invokeExact(1);
      arguments.add(ARGUMENT_SOURCE, descriptor(form, 'a'), a);
      arguments.add(ARGUMENT_WEIGHTS, descriptor(form, 'b'), b);
      arguments.add(ARGUMENT_RESULT, descriptor(form, 'y'), y);
      if (form.bias()) {
        arguments.add(ARGUMENT_BIAS, descriptor(form, '+'), bias);
      }
      if (product.scratchBytes() > 0) {
        arguments.add(ARGUMENT_SCRATCHPAD, bytesDescriptor(product.scratchBytes()), scratch);
      }
      MemorySegment stream = takeStream(arena);
      try {
        check(
            "execute",
            (int)
                execute.invokeExact(product.primitive(), stream, arguments.count, arguments.array));
        check("wait", (int) waitForStream.invokeExact(stream));
      } finally {
        idleStreams.add(stream);
      }
    } catch (Throwable e) {
      throw failure(e);
    }
  }

  private static void requireBytes(DType dtype, MemorySegment segment, long lastIndex, Form form) {
    long bytes = dtype.byteSize(lastIndex + 1);
    if (!segment.isNative() || segment.byteSize() < bytes) {
      throw new IllegalArgumentException(
          "native memory of %d bytes is needed for %s, not %s".formatted(bytes, form, segment));
    }
  }

  private MemorySegment takeStream(Arena arena) throws Throwable {
    MemorySegment idle = idleStreams.poll();
    if (idle != null) {
      return idle;
    }
    MemorySegment out = arena.allocate(ADDRESS);
    check("stream", (int) createStream.invokeExact(out, engine, STREAM_IN_ORDER));
    return out.get(ADDRESS, 0);
  }

  /** The arguments of one execution: pairs of a number and a memory object. */
  private final class Arguments implements AutoCloseable {
    private static final int MOST = 5;
    private static final long ENTRY_BYTES = 16;

    private final Arena arena;
    private final MemorySegment array;
    private final MemorySegment[] memories = new MemorySegment[MOST];
    private int count;

    Arguments(Arena arena) {
      this.arena = arena;
      this.array = arena.allocate(MOST * ENTRY_BYTES, ADDRESS.byteAlignment());
    }

    /** Takes over the descriptor. */
    void add(int argument, MemorySegment descriptor, MemorySegment bytes) throws Throwable {
      try {
        MemorySegment out = arena.allocate(ADDRESS);
        check("memory", (int) createMemory.invokeExact(out, descriptor, engine, bytes));
        memories[count] = out.get(ADDRESS, 0);
        array.set(JAVA_INT, count * ENTRY_BYTES, argument);
        array.set(ADDRESS, count * ENTRY_BYTES + ADDRESS.byteSize(), memories[count]);
        count++;
      } finally {
        release(destroyDescriptor, descriptor);
      }
    }

    @Override
    public void close() {
      for (int i = 0; i < count; i++) {
        release(destroyMemory, memories[i]);
      }
    }
  }

  private MemorySegment descriptor(Form form, char which) throws Throwable {
    return switch (which) {
      case 'a' ->
          descriptor(form.input(), form.m(), form.k(), form.aRowStride(), form.aColumnStride());
      case 'b' ->
          descriptor(form.input(), form.k(), form.n(), form.bRowStride(), form.bColumnStride());
      case '+' -> descriptor(form.input(), 1, form.n(), form.n(), 1);
      default -> descriptor(form.result(), form.m(), form.n(), form.yRowStride(), 1);
    };
  }

  private MemorySegment bytesDescriptor(long bytes) throws Throwable {
    return descriptor(DType.U8, 1, bytes, bytes, 1);
  }

  private MemorySegment descriptor(
      DType dtype, long rows, long columns, long rowStride, long columnStride) throws Throwable {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ADDRESS);
      MemorySegment dimensions = arena.allocate(JAVA_LONG, MOST_DIMENSIONS);
      MemorySegment strides = arena.allocate(JAVA_LONG, MOST_DIMENSIONS);
      dimensions.setAtIndex(JAVA_LONG, 0, rows);
      dimensions.setAtIndex(JAVA_LONG, 1, columns);
      strides.setAtIndex(JAVA_LONG, 0, rowStride);
      strides.setAtIndex(JAVA_LONG, 1, columnStride);
      check(
          "memory descriptor",
          (int) createDescriptor.invokeExact(out, 2, dimensions, typeCode(dtype), strides));
      return out.get(ADDRESS, 0);
    }
  }

  private static int typeCode(DType dtype) {
    return switch (dtype) {
      case BF16 -> 2;
      case F32 -> 3;
      case U8 -> 6;
      default -> throw new IllegalArgumentException("no products of " + dtype);
    };
  }

  private static void check(String step, int status) {
    if (status != 0) {
      throw new DeviceException(
          "oneDNN failed at the step \"%s\" with status %d; go on with -D%s=vector"
              .formatted(step, status, Rung.PROPERTY));
    }
  }

  private static RuntimeException failure(Throwable e) {
    if (e instanceof Error error) {
      throw error;
    }
    return e instanceof RuntimeException unchecked ? unchecked : new IllegalStateException(e);
  }

  private static void release(MethodHandle destroy, MemorySegment... objects) {
    try {
      for (MemorySegment object : objects) {
        if (object.address() != 0) {
          check("release", (int) destroy.invokeExact(object));
        }
      }
    } catch (Throwable e) {
      throw failure(e);
    }
  }

  /** Frees what this object made. Products must have been released. */
  @Override
  public void close() {
    for (MemorySegment stream = idleStreams.poll(); stream != null; stream = idleStreams.poll()) {
      release(destroyStream, stream);
    }
    release(destroyAttributes, attributes);
    release(destroyEngine, engine);
  }
}
