package org.modelopt.data;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import org.modelopt.tensor.Tensor;

/**
 * Several sources, each with its share of the samples.
 *
 * @param parts the sources and their weights
 */
record Mixture(List<Part> parts) implements SampleSource {
  /**
   * A source and its share.
   *
   * @param data the source
   * @param weight share relative to the others
   */
  record Part(CalibrationData data, double weight) {}

  @Override
  public String name() {
    return parts.stream().map(part -> part.data().name()).collect(Collectors.joining(" + "));
  }

  /** Each part gives its share, rounded so that the shares make up the whole. */
  @Override
  public SampleSet read(SampleRequest request, Optional<TextEncoder> encoder) {
    int asked = request.samples().orElse(CalibrationData.DEFAULT_SAMPLES);
    double total = parts.stream().mapToDouble(Part::weight).sum();
    List<Tensor> samples = new ArrayList<>();
    long read = 0;
    long skipped = 0;
    double before = 0;
    for (Part part : parts) {
      double after = before + part.weight();
      int share = (int) (Math.round(asked * after / total) - Math.round(asked * before / total));
      before = after;
      if (share > 0) {
        SampleSet set = part.data().readShare(request, OptionalInt.of(share), encoder);
        samples.addAll(set.samples());
        read += set.read();
        skipped += set.skipped();
      }
    }
    return new SampleSet(name(), samples, asked, read, skipped);
  }
}
