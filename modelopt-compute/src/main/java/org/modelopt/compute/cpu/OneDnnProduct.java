package org.modelopt.compute.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.modelopt.compute.Workers;
import org.modelopt.error.DeviceException;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * Matrix product by oneDNN, one single-threaded call per tile of the result; tiles depend on the
 * shape alone and so do the bits.
 *
 * <p>Left to another product: bfloat16 where the processor has no instructions for it (oneDNN would
 * use slow emulation or nothing), heap memory, and small products, for which compiling a primitive
 * takes longer than computing.
 */
final class OneDnnProduct implements MatrixProduct {
  private static final int TILE_ROWS = 512;
  private static final int TILE_COLUMNS = 256;

  /** Below this many multiplications the other product is used. */
  private static final double SMALL = 1 << 23;

  private static final int MOST_PRIMITIVES = 256;

  private final OneDnn library;
  private final MatrixProduct other;
  private final Workers workers;
  private final BufferPool pool;
  private final boolean nativeBfloat16;
  private final String implementations;

  /** Most recently used last. */
  private final Map<OneDnn.Form, OneDnn.Product> primitives = new LinkedHashMap<>(16, 0.75f, true);

  /**
   * Takes over the library and the other product and tries a product.
   *
   * @throws DeviceException if the library does not multiply float32; the message is a reason
   */
  OneDnnProduct(OneDnn library, MatrixProduct other, Workers workers, BufferPool pool) {
    this.library = library;
    this.other = other;
    this.workers = workers;
    this.pool = pool;
    String f32 = tryImplementation(DType.F32);
    if (f32.isEmpty() || f32.startsWith("ref")) {
      throw new DeviceException("it has no fast float32 product for this processor");
    }
    String bf16 = tryImplementation(DType.BF16);
    this.nativeBfloat16 = bf16.matches(".*(bf16|amx|avx10|vnni_2).*");
    this.implementations =
        "F32 %s; BF16 %s"
            .formatted(
                f32,
                nativeBfloat16
                    ? bf16
                    : other.description() + ", the processor has no bfloat16 products");
  }

  /** Name of the implementation of a small product, whose result is checked; empty if none. */
  private String tryImplementation(DType dtype) {
    int size = 64;
    OneDnn.Form form = new OneDnn.Form(dtype, false, size, size, size, size, 1, 1, size, size);
    Optional<OneDnn.Product> found = library.product(form);
    if (found.isEmpty()) {
      return "";
    }
    OneDnn.Product product = found.get();
    try (Arena arena = Arena.ofConfined()) {
      long elements = (long) size * size;
      Tensor ones = Tensor.allocate(arena, dtype, Shape.of(size, size));
      Tensor y = Tensor.allocate(arena, dtype, Shape.of(size, size));
      for (int i = 0; i < elements; i++) {
        if (dtype == DType.F32) {
          ones.segment().set(Tensor.FLOAT, 4L * i, 1);
        } else {
          ones.segment().set(Tensor.SHORT, 2L * i, Bfloat16.encode(1));
        }
      }
      MemorySegment scratch = arena.allocate(product.scratchBytes(), Tensor.ALIGNMENT);
      library.run(
          product, ones.segment(), ones.segment(), MemorySegment.NULL, y.segment(), scratch);
      for (int i = 0; i < elements; i++) {
        if (y.getFloat(i) != size) {
          throw new DeviceException("its %s product is wrong on this machine".formatted(dtype));
        }
      }
    } finally {
      library.release(product);
    }
    return product.implementation();
  }

  @Override
  public String description() {
    return "oneDNN %s (%s)".formatted(library.version(), implementations);
  }

  @Override
  public void multiply(Matrix a, Matrix b, Optional<Elements> bias, Matrix y) {
    if (!suits(a, b, bias, y)) {
      other.multiply(a, b, bias, y);
      return;
    }
    long rowTiles = Math.ceilDiv(y.rows(), TILE_ROWS);
    long columnTiles = Math.ceilDiv(y.columns(), TILE_COLUMNS);
    // Made here, on one thread: at most a whole tile, two kinds of edges and a corner.
    Tiles tiles = new Tiles(a, b, bias, y);
    OneDnn.Product[] products = new OneDnn.Product[4];
    products[3] = tiles.primitive(rowTiles - 1, columnTiles - 1);
    products[2] = rowTiles == 1 ? products[3] : tiles.primitive(0, columnTiles - 1);
    products[1] = columnTiles == 1 ? products[3] : tiles.primitive(rowTiles - 1, 0);
    products[0] = rowTiles == 1 ? products[1] : tiles.primitive(0, 0);
    workers.forRange(
        rowTiles * columnTiles,
        1,
        (task, end) -> {
          long row = task / columnTiles;
          long column = task % columnTiles;
          int kind = (column == columnTiles - 1 ? 2 : 0) + (row == rowTiles - 1 ? 1 : 0);
          tiles.run(products[kind], row, column);
        });
    trim();
  }

  private boolean suits(Matrix a, Matrix b, Optional<Elements> bias, Matrix y) {
    DType dtype = y.elements().dtype();
    return (dtype == DType.F32 || nativeBfloat16)
        && a.elements().dtype() == dtype
        && b.elements().dtype() == dtype
        && bias.stream().allMatch(e -> e.dtype() == dtype && e.segment().isNative())
        && a.elements().segment().isNative()
        && b.elements().segment().isNative()
        && y.elements().segment().isNative()
        && Math.min(a.rowStride(), a.columnStride()) == 1
        && Math.min(b.rowStride(), b.columnStride()) == 1
        && y.columnStride() == 1
        && (double) y.rows() * y.columns() * a.columns() >= SMALL;
  }

  private void trim() {
    Iterator<OneDnn.Product> oldest = primitives.values().iterator();
    while (primitives.size() > MOST_PRIMITIVES) {
      library.release(oldest.next());
      oldest.remove();
    }
  }

  /** One product cut into tiles. */
  private final class Tiles {
    private final Matrix a;
    private final Matrix b;
    private final Optional<Elements> bias;
    private final Matrix y;

    Tiles(Matrix a, Matrix b, Optional<Elements> bias, Matrix y) {
      this.a = a;
      this.b = b;
      this.bias = bias;
      this.y = y;
    }

    OneDnn.Product primitive(long rowTile, long columnTile) {
      OneDnn.Form form =
          new OneDnn.Form(
              y.elements().dtype(),
              bias.isPresent(),
              Math.min(TILE_ROWS, y.rows() - rowTile * TILE_ROWS),
              Math.min(TILE_COLUMNS, y.columns() - columnTile * TILE_COLUMNS),
              a.columns(),
              a.rowStride(),
              a.columnStride(),
              b.rowStride(),
              b.columnStride(),
              y.rowStride());
      return primitives.computeIfAbsent(
          form,
          f ->
              library
                  .product(f)
                  .orElseThrow(
                      () -> new DeviceException("oneDNN has no product of the form " + f)));
    }

    void run(OneDnn.Product product, long rowTile, long columnTile) {
      long row = rowTile * TILE_ROWS;
      long column = columnTile * TILE_COLUMNS;
      BufferPool.Buffer scratch = pool.take(product.scratchBytes());
      try {
        library.run(
            product,
            from(a.elements(), a.index(row, 0)),
            from(b.elements(), b.index(0, column)),
            bias.map(elements -> from(elements, column)).orElse(MemorySegment.NULL),
            from(y.elements(), y.index(row, column)),
            scratch.memory());
      } finally {
        pool.give(scratch);
      }
    }

    private static MemorySegment from(Elements elements, long index) {
      return elements.segment().asSlice(index * elements.elementBytes());
    }
  }

  @Override
  public void close() {
    primitives.values().forEach(library::release);
    primitives.clear();
    library.close();
    other.close();
  }
}
