package org.modelopt.compute.cpu;

import org.modelopt.compute.AttentionSpec;

/**
 * The tensors of one attention operation.
 *
 * @param q {@code [t, heads * headSize]}
 * @param k {@code [t, keyValueHeads * headSize]}
 * @param v {@code [t, keyValueHeads * valueHeadSize]}
 * @param y {@code [t, heads * valueHeadSize]}
 * @param spec shape and variant
 * @param starts first row of each sequence and, last, the number of rows
 */
@SuppressWarnings("ArrayRecordComponent") // lives as long as one call
record AttentionCall(
    Elements q, Elements k, Elements v, Elements y, AttentionSpec spec, int[] starts) {
  /** Key head that query head {@code head} reads. */
  int keyValueHead(int head) {
    return head / (spec.heads() / spec.keyValueHeads());
  }

  /** First key that the query at {@code position} sees. */
  int firstKey(int position) {
    return spec.slidingWindow() == 0 ? 0 : Math.max(0, position - spec.slidingWindow() + 1);
  }
}
