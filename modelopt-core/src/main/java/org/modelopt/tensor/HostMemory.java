package org.modelopt.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Locale;
import java.util.Optional;

/**
 * Zero-filled memory outside the heap. An arena writes the zeros itself, all of them, on the thread
 * that asks, before anything is computed. Large pieces are mapped instead where the system is
 * Linux: the kernel gives a page, zeroed, to the thread that first touches it.
 */
final class HostMemory {
  private static final long LARGE = 32L << 20; // from here on allocators keep nothing for reuse
  private static final int READ_WRITE = 3; // PROT_READ | PROT_WRITE
  private static final int PRIVATE_ANONYMOUS = 0x22; // MAP_PRIVATE | MAP_ANONYMOUS
  private static final Optional<Pages> PAGES = Pages.find();

  private HostMemory() {}

  /**
   * Zero-filled memory owned by {@code arena}.
   *
   * @param alignment at most that of a page, 4096
   */
  static MemorySegment allocate(Arena arena, long bytes, long alignment) {
    return bytes < LARGE
        ? arena.allocate(bytes, alignment)
        : PAGES
            .flatMap(pages -> pages.map(arena, bytes))
            .orElseGet(() -> arena.allocate(bytes, alignment));
  }

  /** The functions of the C library. */
  @SuppressWarnings("restricted") // the functions are the C library's, their types the manual's
  private record Pages(MethodHandle mmap, MethodHandle munmap) {
    static Optional<Pages> find() {
      if (!System.getProperty("os.name").toLowerCase(Locale.ROOT).startsWith("linux")) {
        return Optional.empty();
      }
      Linker linker = Linker.nativeLinker();
      SymbolLookup library = linker.defaultLookup();
      Optional<MemorySegment> map = library.find("mmap");
      Optional<MemorySegment> unmap = library.find("munmap");
      if (map.isEmpty() || unmap.isEmpty()) {
        return Optional.empty();
      }
      return Optional.of(
          new Pages(
              linker.downcallHandle(
                  map.get(),
                  FunctionDescriptor.of(
                      ValueLayout.JAVA_LONG,
                      ValueLayout.JAVA_LONG,
                      ValueLayout.JAVA_LONG,
                      ValueLayout.JAVA_INT,
                      ValueLayout.JAVA_INT,
                      ValueLayout.JAVA_INT,
                      ValueLayout.JAVA_LONG)),
              linker.downcallHandle(
                  unmap.get(),
                  FunctionDescriptor.of(
                      ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG))));
    }

    /** Pages of their own; empty if the kernel has none left. */
    Optional<MemorySegment> map(Arena arena, long bytes) {
      long address;
      try {
        address = (long) mmap.invokeExact(0L, bytes, READ_WRITE, PRIVATE_ANONYMOUS, -1, 0L);
      } catch (Throwable e) {
        throw new IllegalStateException("mmap cannot be called", e);
      }
      if (address == -1) {
        return Optional.empty();
      }
      return Optional.of(MemorySegment.ofAddress(address).reinterpret(bytes, arena, this::unmap));
    }

    private void unmap(MemorySegment segment) {
      try {
        int _ = (int) munmap.invokeExact(segment.address(), segment.byteSize());
      } catch (Throwable e) {
        throw new IllegalStateException("munmap cannot be called", e);
      }
    }
  }
}
