package org.modelopt.data;

import java.util.List;
import java.util.Optional;
import org.modelopt.error.DataException;
import org.modelopt.tensor.Tensor;

/** Tensors that an application made. */
record GivenSamples(List<Tensor> tensors) implements SampleSource {
  @Override
  public String name() {
    return tensors.size() + " given samples";
  }

  @Override
  public SampleSet read(SampleRequest request, Optional<TextEncoder> encoder) {
    if (request.packed() || request.seed().isPresent()) {
      throw new DataException(
          name() + " are used as they are, neither packed nor drawn; do that where they are made");
    }
    int asked = request.samples().orElse(tensors.size());
    List<Tensor> taken = tensors.subList(0, Math.min(asked, tensors.size()));
    List<Tensor> usable = taken.stream().filter(tensor -> tensor.shape().dim(0) > 0).toList();
    return new SampleSet(
        name(),
        usable.stream()
            .map(tensor ->
                tensor.rows(
                    0,
                    Math.min(tensor.shape().dim(0), request.maxLength().orElse(Integer.MAX_VALUE))))
            .toList(),
        asked,
        taken.size(),
        taken.size() - usable.size());
  }
}
