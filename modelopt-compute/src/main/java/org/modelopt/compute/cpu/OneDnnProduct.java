package org.modelopt.compute.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.modelopt.compute.Workers;
import org.modelopt.error.DeviceException;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * Matrix product by oneDNN, in single-threaded calls for tiles of the result.
 *
 * <p>Tiles depend on the shape alone, so the bits do not depend on threads. A tile is one of a few
 * heights, because a compiled primitive takes about a millisecond and a megabyte: rows that are
 * left over are covered by a tile that reaches back over rows already computed. Elements of the
 * result are summed in an order that depends on the sizes of the weight only, so a row has the same
 * bits alone and among others; oneDNN sums a single row in another order, therefore it is computed
 * as two.
 *
 * <p>Left to another product, by the sizes of the weight only: bfloat16 where the processor has no
 * instructions for it (oneDNN would use slow emulation or nothing) and weights so small that
 * compiling takes longer than computing; also heap memory.
 */
final class OneDnnProduct implements MatrixProduct {
  private static final int TILE_ROWS = 512;
  private static final int MOST_COLUMNS = 256;
  private static final int FEWEST_COLUMNS = 64;

  /** Elements of b from which on it is multiplied here. */
  private static final long SMALL = 1 << 14;

  /** Up to 1.5 MB each. */
  private static final int MOST_PRIMITIVES = 192;

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
    OneDnn.Form form =
        new OneDnn.Form(dtype, dtype, false, size, size, size, size, 1, 1, size, size);
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
    if (y.rows() == 0) {
      return;
    }
    if (!suits(a, b, bias, y)) {
      other.multiply(a, b, bias, y);
      return;
    }
    if (y.rows() == 1) {
      multiplyRow(a, b, bias, y);
      return;
    }
    trim();
    Tiles tiles = new Tiles(a, b, bias, y);
    workers.forRange(tiles.count(), 1, (task, end) -> tiles.run(task));
  }

  /** One row as two equal ones. */
  private void multiplyRow(Matrix a, Matrix b, Optional<Elements> bias, Matrix y) {
    long aBytes = a.columns() * a.elements().elementBytes();
    long yBytes = y.columns() * y.elements().elementBytes();
    BufferPool.Buffer rows = pool.take(2 * aBytes);
    BufferPool.Buffer results = pool.take(2 * yBytes);
    try {
      long start = a.index(0, 0) * a.elements().elementBytes();
      for (int row = 0; row < 2; row++) {
        MemorySegment.copy(a.elements().segment(), start, rows.memory(), row * aBytes, aBytes);
      }
      Elements two = new Elements(rows.memory(), a.elements().dtype());
      Elements both = new Elements(results.memory(), y.elements().dtype());
      multiply(Matrix.of(two, 2, a.columns()), b, bias, Matrix.of(both, 2, y.columns()));
      long target = y.index(0, 0) * y.elements().elementBytes();
      MemorySegment.copy(results.memory(), 0, y.elements().segment(), target, yBytes);
    } finally {
      pool.give(rows);
      pool.give(results);
    }
  }

  private boolean suits(Matrix a, Matrix b, Optional<Elements> bias, Matrix y) {
    DType dtype = a.elements().dtype();
    return (dtype == DType.F32 || nativeBfloat16)
        && (y.elements().dtype() == dtype || y.elements().dtype() == DType.F32)
        && b.rows() * b.columns() >= SMALL
        && b.elements().dtype() == dtype
        && bias.stream().allMatch(e -> e.dtype() == y.elements().dtype() && e.segment().isNative())
        && a.elements().segment().isNative()
        && b.elements().segment().isNative()
        && y.elements().segment().isNative()
        && Math.min(a.rowStride(), a.columnStride()) == 1
        && (y.rows() > 1 || a.columnStride() == 1)
        && Math.min(b.rowStride(), b.columnStride()) == 1
        && y.columnStride() == 1;
  }

  /** Largest of 2, 3, 4, 6, 8, 12, 16, 24 ... that is not above {@code rows}, at least 2. */
  static int heightAtMost(int rows) {
    int power = Integer.highestOneBit(rows);
    return rows >= power + power / 2 && power >= 2 ? power + power / 2 : power;
  }

  /** Smallest of 2, 3, 4, 6, 8, 12, 16, 24 ... that is not below {@code rows}. */
  static int heightAtLeast(int rows) {
    int height = heightAtMost(Math.max(2, rows));
    if (height >= rows) {
      return height;
    }
    int power = Integer.highestOneBit(height);
    return height == power ? power + power / 2 : 2 * power;
  }

  @Override
  public Optional<Tile> tile(Sizes sizes) {
    if (sizes.input() == DType.BF16 && !nativeBfloat16) {
      return Optional.empty();
    }
    OneDnn.Product product =
        primitive(
            new OneDnn.Form(
                sizes.input(),
                sizes.result(),
                false,
                sizes.m(),
                sizes.n(),
                sizes.k(),
                sizes.aRowStride(),
                1,
                sizes.bRowStride(),
                sizes.bColumnStride(),
                sizes.yRowStride()));
    return Optional.of((a, b, y) -> run(product, a, b, MemorySegment.NULL, y));
  }

  private void run(
      OneDnn.Product product,
      MemorySegment a,
      MemorySegment b,
      MemorySegment bias,
      MemorySegment y) {
    BufferPool.Buffer scratch = pool.take(product.scratchBytes());
    try {
      library.run(product, a, b, bias, y, scratch.memory());
    } finally {
      pool.give(scratch);
    }
  }

  private OneDnn.Product primitive(OneDnn.Form form) {
    return primitives.computeIfAbsent(form, this::compile);
  }

  private OneDnn.Product compile(OneDnn.Form form) {
    return library
        .product(form)
        .orElseThrow(() -> new DeviceException("oneDNN has no product of the form " + form));
  }

  private void trim() {
    Iterator<OneDnn.Product> oldest = primitives.values().iterator();
    while (primitives.size() > MOST_PRIMITIVES) {
      library.release(oldest.next());
      oldest.remove();
    }
  }

  private record Rows(long row, int height) {}

  /** One product cut into tiles; a task is a column of tiles in up to {@value #TILE_ROWS} rows. */
  private final class Tiles {
    private final Matrix a;
    private final Matrix b;
    private final Optional<Elements> bias;
    private final Matrix y;
    private final int tileColumns;
    private final long columnTiles;
    private final long rowTiles;
    private final Map<OneDnn.Form, OneDnn.Product> products = new HashMap<>();

    /** Compiles what is missing, on this one thread. */
    Tiles(Matrix a, Matrix b, Optional<Elements> bias, Matrix y) {
      this.a = a;
      this.b = b;
      this.bias = bias;
      this.y = y;
      // Narrow results in eight tiles, so that several threads have work.
      this.tileColumns =
          Math.clamp(
              Long.highestOneBit(Math.ceilDiv(y.columns(), 8)), FEWEST_COLUMNS, MOST_COLUMNS);
      this.columnTiles = Math.ceilDiv(y.columns(), tileColumns);
      // A last tile of one row joins the one before it, which then reaches back less far.
      this.rowTiles = Math.ceilDiv(y.rows() == 1 ? 1 : y.rows() - 1, TILE_ROWS);
      for (long rowTile : new long[] {0, rowTiles - 1}) {
        for (Rows tile : tiles(rowTile)) {
          for (long columnTile : new long[] {0, columnTiles - 1}) {
            OneDnn.Form form = form(tile, columnTile);
            products.put(form, primitive(form));
          }
        }
      }
    }

    long count() {
      return rowTiles * columnTiles;
    }

    /** The tiles below each other that one task computes, in this order. */
    private List<Rows> tiles(long rowTile) {
      long first = rowTile * TILE_ROWS;
      int rows = Math.toIntExact(rowTile == rowTiles - 1 ? y.rows() - first : TILE_ROWS);
      int height = Math.min(TILE_ROWS, heightAtMost(rows));
      if (height == rows) {
        return List.of(new Rows(first, height));
      }
      int rest = heightAtLeast(rows - height);
      return List.of(new Rows(first, height), new Rows(first + rows - rest, rest));
    }

    private int columns(long columnTile) {
      return (int) Math.min(tileColumns, y.columns() - columnTile * tileColumns);
    }

    private OneDnn.Form form(Rows tile, long columnTile) {
      return new OneDnn.Form(
          a.elements().dtype(),
          y.elements().dtype(),
          bias.isPresent(),
          tile.height(),
          columns(columnTile),
          a.columns(),
          a.rowStride(),
          a.columnStride(),
          b.rowStride(),
          b.columnStride(),
          y.rowStride());
    }

    void run(long task) {
      long columnTile = task % columnTiles;
      for (Rows tile : tiles(task / columnTiles)) {
        run(Objects.requireNonNull(products.get(form(tile, columnTile))), tile, columnTile);
      }
    }

    private void run(OneDnn.Product product, Rows tile, long columnTile) {
      long column = columnTile * tileColumns;
      OneDnnProduct.this.run(
          product,
          from(a.elements(), a.index(tile.row(), 0)),
          from(b.elements(), b.index(0, column)),
          bias.map(elements -> from(elements, column)).orElse(MemorySegment.NULL),
          from(y.elements(), y.index(tile.row(), column)));
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
