package org.modelopt.compute;

import java.util.List;
import java.util.Optional;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Tensor;

/**
 * A compute device and the operations that layers and algorithms need of it.
 *
 * <p>Activations are matrices {@code [tokens, channels]} of F32 or BF16 on the device; every
 * operation computes in float32 and rounds its result to the type of its (first) input, to nearest
 * even. Operations are deterministic: the same inputs give the same bits whatever the number of
 * threads. They may run behind the caller; {@link #toHost} waits.
 *
 * <p>Sequences: several sequences may stand one after the other in one activation matrix; {@code
 * starts} then holds the first row of each and, last, the number of rows. A position is the
 * distance from the start of its sequence.
 *
 * <p>Arguments of the wrong shape or type are {@link IllegalArgumentException}. An instance is used
 * by one thread at a time.
 */
public interface Backend extends AutoCloseable {
  /** One line for logs: device, library and rung of each kind of kernel. */
  String description();

  /**
   * What computes, as far as bits of results depend on it: backends of equal arithmetic give equal
   * results. The number of threads is no part of it.
   */
  default String arithmetic() {
    return description();
  }

  /** The host threads of this backend. */
  Workers workers();

  /** Opens a scope for tensors on this device. */
  Scope openScope();

  /**
   * A copy of a host tensor of F32, F16 or BF16 on the device, converted to {@code dtype} (to
   * nearest even); I32 tensors keep their type. Where type and place already fit, the result may be
   * the tensor itself, which then must outlive the scope.
   */
  Tensor toDevice(Tensor host, DType dtype, Scope scope);

  /**
   * Bytes of the device's own memory that may hold activations between two layers; 0 where the
   * device computes in host memory.
   */
  default long activationBytes() {
    return 0;
  }

  /**
   * Says that {@code device} holds the bytes of {@code host}, which do not change as long as the
   * scope of {@code device} is open: work on the host tensor may read the device's instead.
   */
  default void represent(Tensor host, Tensor device) {}

  /** A copy of {@code tensor} in host memory owned by {@code scope}; the tensor itself if there. */
  Tensor toHost(Tensor tensor, Scope scope);

  /**
   * {@code x wᵀ + bias}: x {@code [t, k]}, w {@code [n, k]} as stored in checkpoints, result {@code
   * [t, n]}. Sum in float32, bias added before rounding.
   */
  Tensor linear(Tensor x, Tensor weight, Optional<Tensor> bias, Scope scope);

  /**
   * {@code aᵀ x} where a is the columns {@code from} to {@code to} of {@code x} {@code [t, c]}: the
   * rows of a second moment, from its diagonal on. Products and sums are float32 whatever the type
   * of x.
   *
   * @param from first column of a; columns of x before it are left out of the product
   * @param to end of the columns of a, exclusive
   * @param add whether the products are added to what {@code sum} holds or replace it
   * @param sum F32 {@code [to - from, c - from]}
   */
  void gram(Tensor x, int from, int to, boolean add, Tensor sum);

  /** Rows {@code ids} (I32 {@code [t]}) of {@code table} {@code [vocabulary, channels]}. */
  Tensor embed(Tensor ids, Tensor table, Scope scope);

  /** Root-mean-square normalisation of each row of {@code x} {@code [t, c]}; weight {@code [c]}. */
  Tensor rmsNorm(Tensor x, Tensor weight, NormSpec spec, Scope scope);

  /**
   * Rotary position embedding of each head of {@code x} {@code [t, heads * headSize]}: within a
   * head elements i and i + d/2 of the first d are rotated by angle(position, i); the rest stays.
   * In BFLOAT16, cos, sin, both products and the sum are each rounded.
   *
   * @param cos F32 {@code [positions, d/2]}, rows at least the longest sequence
   * @param sin like {@code cos}
   */
  Tensor rotate(Tensor x, int headSize, Tensor cos, Tensor sin, int[] starts, Scope scope);

  /**
   * Causal attention; q {@code [t, heads * headSize]}, k {@code [t, kvHeads * headSize]}, v {@code
   * [t, kvHeads * valueHeadSize]}, result {@code [t, heads * valueHeadSize]}. Softmax in float32;
   * the weights {@code e^(score - max)} are rounded to the type of q where they are multiplied with
   * values, and the sum of these products is divided by the sum of the unrounded weights.
   *
   * <p>With one sequence, k and v may have more rows than q: those of the positions before the
   * first query, kept from earlier calls.
   *
   * @param sinks {@code [heads]} of q's type, one more score per head that takes part in the
   *     softmax and has no value (gpt-oss)
   */
  Tensor attention(
      Tensor q,
      Tensor k,
      Tensor v,
      AttentionSpec spec,
      Optional<Tensor> sinks,
      int[] starts,
      Scope scope);

  /** {@code activation(gate) * up}, elementwise; both are rounded before the product. */
  Tensor gated(Activation activation, Tensor gate, Tensor up, Scope scope);

  /** {@code x + y}, elementwise. */
  Tensor add(Tensor x, Tensor y, Scope scope);

  /**
   * Column c of {@code x} {@code [t, c]} times {@code factors[c]}. This form works on the host;
   * devices with memory of their own do better.
   *
   * @param factors F32 or BF16 {@code [c]} on the device
   */
  default Tensor scaleColumns(Tensor x, Tensor factors, Scope scope) {
    return HostColumns.scale(this, x, factors, scope);
  }

  /**
   * The sum of {@code a * b} over each row of two F32 matrices {@code [t, c]}, products and sums in
   * float64. This form works on the host; devices with memory of their own do better.
   */
  default double[] rowDots(Tensor a, Tensor b) {
    return HostColumns.rowDots(this, a, b);
  }

  /**
   * {@code d h dᵀ} for each row d of {@code rows}. A device may round the factors of products to 11
   * significant bits; sums are float32 at least.
   *
   * @param rows F32 {@code [t, c]}
   * @param h F32 {@code [c, c]}
   */
  default double[] quadratics(Tensor rows, Tensor h) {
    try (Scope scope = openScope()) {
      return rowDots(rows, linear(rows, h, Optional.empty(), scope));
    }
  }

  /** {@code factor * x}, elementwise. */
  Tensor scale(Tensor x, float factor, Scope scope);

  /** {@code cap * tanh(x / cap)}, elementwise; cap positive. */
  Tensor softCap(Tensor x, float cap, Scope scope);

  /**
   * Columns of matrices with the same number of rows, side by side: column j of the result is
   * column {@code columns[j]} of all {@code sources} joined. Splits fused projections, reorders and
   * repeats heads; exact.
   *
   * @param sources matrices {@code [t, c]} of one type
   * @return {@code [t, columns.length]}
   */
  Tensor columns(List<Tensor> sources, int[] columns, Scope scope);

  /**
   * Weighted sums of rows: row i of the result is the sum over j below {@code each} of {@code
   * weights[i * each + j]} times row {@code rows[i * each + j]} of all {@code sources} stacked, in
   * float32, in the order of j, by fused multiply-adds from zero, rounded once. Sends tokens to
   * experts and mixes what experts give.
   *
   * @param sources matrices {@code [t, c]} of one type
   * @param rows a multiple of {@code each}
   * @param weights as many as rows
   * @return {@code [rows.length / each, c]}
   */
  Tensor mixRows(List<Tensor> sources, int[] rows, float[] weights, int each, Scope scope);

  /**
   * Copies all rows of {@code rows} {@code [t, c]} into {@code target} {@code [n, c]} of the same
   * type, from row {@code at} on.
   */
  void copyRows(Tensor rows, Tensor target, long at);

  /** What the rows of {@code x} {@code [t, c]} look like per channel. */
  ChannelSummary summarize(Tensor x);

  /**
   * Summaries of many matrices of {@code channels} columns together, in the order in which they
   * come; where the device works behind the caller, without waiting for each.
   */
  default ChannelObserver observeChannels(int channels) {
    return new HostChannelObserver(this, channels);
  }

  /**
   * Log-likelihoods {@code log softmax(logits)[target]} in float64, one per row of {@code logits}
   * {@code [t, vocabulary]}; 0 for rows whose target is negative.
   */
  double[] logLikelihoods(Tensor logits, int[] targets);

  /** Releases the device. Tensors of this backend must not be used afterwards. */
  @Override
  void close();
}
