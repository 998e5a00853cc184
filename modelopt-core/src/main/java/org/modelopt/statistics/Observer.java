package org.modelopt.statistics;

import org.modelopt.model.CacheSite;
import org.modelopt.model.InputGroup;
import org.modelopt.tensor.Tensor;

/** Sees the tensors of a forward pass at the places where quantization may happen. */
public interface Observer {
  /** Sees nothing. */
  Observer NONE =
      new Observer() {
        @Override
        public void input(InputGroup group, Tensor x) {}

        @Override
        public void cache(CacheSite site, Tensor x) {}
      };

  /** The tensor {@code [t, in]} that the linears of {@code group} are about to read. */
  void input(InputGroup group, Tensor x);

  /** The tensor {@code [t, channels]} that inference would cache at {@code site}. */
  void cache(CacheSite site, Tensor x);
}
