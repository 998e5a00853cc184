package org.modelopt.model;

import java.util.List;
import org.modelopt.compute.Backend;
import org.modelopt.compute.Scope;
import org.modelopt.tensor.Tensor;

/**
 * One pass of a layer, seen from within the layer: where it computes, its parameters, and the
 * products that whoever runs the layer may observe or quantize.
 */
public interface LayerRun {
  /** The device. */
  Backend backend();

  /** Owner of the intermediate tensors and of the layer's result. */
  Scope scope();

  /** First row of each sequence in the activations and, last, the number of rows. */
  int[] starts();

  /**
   * Tokens that the only sequence had before the first row of this pass, whose keys and values
   * {@link #cached} returns with the new ones; 0 unless text is being generated.
   */
  default int past() {
    return 0;
  }

  /**
   * Whether every expert of a mixture is to run on every token, for whoever looks on. What the
   * layer gives remains what the experts that the router chose give.
   */
  default boolean toAllExperts() {
    return false;
  }

  /** A parameter of the layer by its tensor name, on the device in the pass's precision. */
  Tensor parameter(String name);

  /**
   * A host tensor that never changes, such as a table, on the device; samples of the layer may
   * share it.
   */
  default Tensor constant(Tensor host) {
    return backend().toDevice(host, host.dtype(), scope());
  }

  /** The products of {@code x} {@code [t, in]} with each member of {@code group}, in its order. */
  List<Tensor> linears(InputGroup group, Tensor x);

  /**
   * What reading the cache gives after {@code x} went into it: the rows of {@link #past} tokens if
   * there are any, then {@code x} itself or its quantized form.
   */
  Tensor cached(CacheSite site, Tensor x);

  /** The product of {@code x} with the only member of {@code group}. */
  default Tensor linear(InputGroup group, Tensor x) {
    return linears(group, x).getFirst();
  }
}
