package org.modelopt.compute.cuda;

import java.util.Optional;
import org.modelopt.compute.AttentionSpec;
import org.modelopt.compute.cuda.CudaModule.Grid;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Tensor;

/**
 * The kernel for an attention: one on tensor cores for bfloat16 and usual head sizes, otherwise a
 * plain one.
 *
 * @param name name of the kernel
 * @param queries queries of a block
 * @param threads threads of a block
 * @param sharedBytes shared memory of a block
 */
record AttentionKernel(AttentionSpec spec, String name, int queries, int threads, int sharedBytes) {
  private static final int KEYS = 64;
  private static final int LARGEST_PLAIN_HEAD = 512;
  private static final int PLAIN_WARPS = 4;

  /** Head sizes up to which the fast kernels were built: keys, values, queries of a block. */
  private static final int[][] FAST = {
    {64, 64, 128}, {128, 128, 128}, {192, 128, 128}, {256, 256, 64}
  };

  static AttentionKernel of(AttentionSpec spec, DType dtype) {
    if (spec.valueHeadSize() > LARGEST_PLAIN_HEAD) {
      throw new IllegalArgumentException(
          "attention: values of %d elements per head; the GPU takes at most %d"
              .formatted(spec.valueHeadSize(), LARGEST_PLAIN_HEAD));
    }
    boolean aligned = spec.headSize() % 8 == 0 && spec.valueHeadSize() % 8 == 0;
    if (dtype == DType.BF16 && aligned) {
      for (int[] sizes : FAST) {
        if (spec.headSize() <= sizes[0] && spec.valueHeadSize() <= sizes[1]) {
          int elements = (sizes[2] + KEYS) * sizes[0] + KEYS * sizes[1];
          return new AttentionKernel(
              spec, "flash_%d_%d".formatted(sizes[0], sizes[1]), sizes[2], 128, 2 * elements);
        }
      }
    }
    return new AttentionKernel(
        spec, "plain_" + CudaBackend.suffix(dtype), PLAIN_WARPS, 32 * PLAIN_WARPS, 0);
  }

  /** Attention within the sequence of {@code length} rows that begins at row {@code from}. */
  void launch(
      CudaBackend backend,
      CudaModule module,
      Tensor q,
      Tensor k,
      Tensor v,
      Tensor y,
      Optional<Tensor> sinks,
      int from,
      int length) {
    long end = (long) from + length;
    // One sequence may have keys from before its first query; the keys of several begin with them.
    int past = Math.toIntExact(k.shape().dim(0) - q.shape().dim(0));
    module.launch(
        name,
        new Grid(spec.heads(), Math.ceilDiv(length, queries), threads, 1, sharedBytes),
        backend
            .arguments()
            .tensor(q.rows(from, end))
            .tensor(k.rows(from, end + past))
            .tensor(v.rows(from, end + past))
            .tensor(y.rows(from, end))
            .optional(sinks)
            .words(
                length,
                past,
                spec.heads(),
                spec.keyValueHeads(),
                spec.headSize(),
                spec.valueHeadSize(),
                spec.slidingWindow(),
                spec.chunk(),
                Float.floatToRawIntBits(spec.scale()),
                Float.floatToRawIntBits(spec.softCap())));
  }
}
