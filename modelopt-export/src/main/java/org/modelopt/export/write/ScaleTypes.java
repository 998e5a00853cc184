package org.modelopt.export.write;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.SequencedMap;
import org.modelopt.decision.Codes;
import org.modelopt.decision.Decisions;
import org.modelopt.decision.StoredScales;
import org.modelopt.decision.StoredTensor;
import org.modelopt.decision.WeightDecision;
import org.modelopt.decision.WeightQuantization;
import org.modelopt.model.Linear;
import org.modelopt.numeric.ScaleFormat;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * Decisions for files that store scales of integers in 16 bits: scales are rounded first, and codes
 * are the nearest under the rounded scales.
 */
public final class ScaleTypes {
  private ScaleTypes() {}

  /**
   * Decisions with the scales of these linears' weights in another type.
   *
   * @param format F16 or BF16
   */
  public static Decisions with(
      Decisions decisions, Collection<Linear> linears, ScaleFormat format) {
    SequencedMap<String, WeightDecision> weights = new LinkedHashMap<>(decisions.weights());
    for (Linear linear : linears) {
      weights.computeIfPresent(
          linear.name(),
          (name, decision) ->
              new WeightDecision(
                  decision.changes(),
                  decision.quantization().map(how -> with(how, format)),
                  decision.branch()));
    }
    return new Decisions(weights, decisions.inputs(), decisions.caches(), decisions.parameters());
  }

  private static WeightQuantization with(WeightQuantization how, ScaleFormat format) {
    Codes codes =
        switch (how.codes()) {
          case Codes.ByRule rule -> rule;
          case Codes.GivenScales(StoredScales scales) ->
              new Codes.GivenScales(rounded(scales, format));
          case Codes.Given(StoredTensor given, StoredScales scales) ->
              new Codes.Given(given, rounded(scales, format));
        };
    return new WeightQuantization(
        how.spec().withScaleFormat(format), how.conversion(), codes, how.second());
  }

  private static StoredScales rounded(StoredScales scales, ScaleFormat format) {
    return new StoredScales(
        new Rounded(scales.values(), format.dtype()), scales.globalScale(), scales.zeroPoints());
  }

  /** Floats of another tensor, rounded when it is opened; never to zero or infinity. */
  private record Rounded(StoredTensor wide, DType dtype) implements StoredTensor {
    @Override
    public Shape shape() {
      return wide.shape();
    }

    @Override
    public Tensor open(Arena arena) {
      Tensor source = wide.open(arena);
      if (source.dtype() == dtype) {
        return source;
      }
      Tensor narrow = Tensor.allocate(arena, dtype, source.shape());
      MemorySegment bytes = narrow.segment();
      for (long i = 0; i < source.shape().elements(); i++) {
        bytes.set(Tensor.SHORT, 2 * i, bits(source.getFloat(i)));
      }
      return narrow;
    }

    private short bits(float scale) {
      if (dtype == DType.BF16) {
        int raw = Float.floatToRawIntBits(scale);
        return (short) ((raw + 0x7FFF + ((raw >>> 16) & 1)) >>> 16);
      }
      short half = Float.floatToFloat16(Math.clamp(scale, -65504f, 65504f));
      return scale != 0 && (half & 0x7FFF) == 0 ? (short) (half | 1) : half;
    }
  }
}
