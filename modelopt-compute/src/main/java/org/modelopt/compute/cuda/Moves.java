package org.modelopt.compute.cuda;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.modelopt.compute.Scope;
import org.modelopt.compute.cuda.CudaModule.Grid;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** Operations that take columns and rows of matrices to other places. */
final class Moves {
  private static final int THREADS = 256;

  private final CudaBackend backend;
  private final CudaModule module;

  Moves(CudaBackend backend, CudaModule module) {
    this.backend = backend;
    this.module = module;
  }

  /** See {@link org.modelopt.compute.Backend#columns}. */
  Tensor columns(List<Tensor> sources, int[] columns, Scope scope) {
    Tensor first = sources.getFirst();
    long rows = first.shape().dim(0);
    Tensor y = scope.allocate(first.dtype(), Shape.of(rows, columns.length));
    int before = 0;
    for (Tensor source : sources) {
      int width = Math.toIntExact(source.shape().dim(1));
      int[] places = new int[2 * columns.length];
      int count = 0;
      for (int i = 0; i < columns.length; i++) {
        if (columns[i] >= before && columns[i] < before + width) {
          places[2 * count] = columns[i] - before;
          places[2 * count + 1] = i;
          count++;
        }
      }
      before += width;
      if (count > 0) {
        module.launch(
            "columns_" + CudaBackend.suffix(first.dtype()),
            Grid.of(rows, THREADS),
            backend
                .arguments()
                .tensor(source)
                .int32(width)
                .tensor(y)
                .int32(columns.length)
                .tensor(backend.ints(places, scope))
                .int32(count));
      }
    }
    return y;
  }

  /** See {@link org.modelopt.compute.Backend#mixRows}. */
  Tensor mixRows(List<Tensor> sources, int[] rows, float[] weights, int each, Scope scope) {
    Tensor first = sources.getFirst();
    int width = Math.toIntExact(first.shape().dim(1));
    long rowBytes = first.dtype().byteSize(width);
    Tensor y = scope.allocate(first.dtype(), Shape.of(rows.length / each, width));
    int[] addresses = new int[2 * rows.length]; // halves of 64 bits
    for (int i = 0; i < rows.length; i++) {
      long row = rows[i];
      int source = 0;
      while (row >= sources.get(source).shape().dim(0)) {
        row -= sources.get(source).shape().dim(0);
        source++;
      }
      long address = backend.address(sources.get(source)) + row * rowBytes;
      addresses[2 * i] = (int) address;
      addresses[2 * i + 1] = (int) (address >>> 32);
    }
    Tensor factors =
        backend.toDevice(
            Tensor.of(DType.F32, Shape.of(weights.length), MemorySegment.ofArray(weights.clone())),
            DType.F32,
            scope);
    module.launch(
        "mix_rows_" + CudaBackend.suffix(first.dtype()),
        CudaBackend.rowGrid(rows.length / each, width),
        backend
            .arguments()
            .tensor(backend.ints(addresses, scope))
            .tensor(factors)
            .int32(each)
            .tensor(y)
            .int32(width));
    return y;
  }
}
