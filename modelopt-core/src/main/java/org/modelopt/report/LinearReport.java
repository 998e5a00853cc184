package org.modelopt.report;

import java.util.List;
import java.util.OptionalDouble;

/**
 * How well the codes of one linear stand for its weight.
 *
 * @param linear name of the linear
 * @param format the format as recipes name it
 * @param tokens calibration tokens that the linear saw; 0 if none were needed
 * @param weightError {@code |W - Ŵ|^2 / |W|^2}, W with everything that was folded into it
 * @param outputError {@code tr((W - Ŵ) H (W - Ŵ)ᵀ) / tr(W H Wᵀ)}, where H was gathered
 * @param clipped share of elements beyond the range of their scale
 * @param damping share of H's mean diagonal that was added to it, where error feedback ran
 * @param notes what did not go as asked for: fallbacks, raised damping, shared statistics
 */
public record LinearReport(
    String linear,
    String format,
    long tokens,
    double weightError,
    OptionalDouble outputError,
    double clipped,
    OptionalDouble damping,
    List<String> notes) {
  /** Copies the list. */
  public LinearReport {
    notes = List.copyOf(notes);
  }

  /** Signal to quantization noise ratio of the weight in decibels; infinite if it is exact. */
  public double signalToNoise() {
    return -10 * Math.log10(weightError);
  }
}
