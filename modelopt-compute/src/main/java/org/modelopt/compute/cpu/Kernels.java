package org.modelopt.compute.cpu;

import java.lang.foreign.MemorySegment;
import org.modelopt.compute.Activation;
import org.modelopt.compute.NormSpec;

/**
 * The operations of the CPU backend other than matrix products, each over a range of independent
 * rows or elements on the calling thread. Arguments are checked by the caller.
 *
 * <p>All rungs give the same bits: sums over a row have a fixed order (see {@link ScalarKernels}),
 * everything else is one value at a time.
 */
interface Kernels {
  /** Elements {@code from} to {@code to} of {@code x}, rounded to the type of {@code y}. */
  void convert(Elements x, Elements y, long from, long to);

  /** Rows {@code ids[from]} to {@code ids[to - 1]} of {@code table}, copied to {@code y}. */
  void embed(
      MemorySegment ids, MemorySegment table, long rowBytes, MemorySegment y, long from, long to);

  /** Rows {@code from} to {@code to} of x, normalised. */
  void rmsNorm(
      Elements x, Elements weight, NormSpec spec, Elements y, int columns, long from, long to);

  /** Heads {@code from} to {@code to} of one row of x at {@code position}, rotated. */
  void rotate(Elements x, Elements y, long firstElement, Rotation rotation, int position);

  /** {@code activation(gate) * up} of elements {@code from} to {@code to}. */
  void gated(Activation activation, Elements gate, Elements up, Elements y, long from, long to);

  /** {@code x + y} of elements {@code from} to {@code to}. */
  void add(Elements x, Elements y, Elements sum, long from, long to);

  /** Amax and sum of magnitudes of channels {@code from} to {@code to} over all rows. */
  void summarize(
      Elements x, long rows, int columns, float[] amax, double[] absoluteSum, int from, int to);

  /** {@code log softmax(logits[row])[target]}. */
  double logLikelihood(Elements logits, long row, int vocabulary, int target);

  /** One query head of one block of queries. */
  void attend(AttentionCall call, int sequence, int head, int firstQuery, int lastQuery);
}
