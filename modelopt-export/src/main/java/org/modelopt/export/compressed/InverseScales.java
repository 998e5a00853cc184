package org.modelopt.export.compressed;

import java.util.LinkedHashMap;
import java.util.SequencedMap;
import org.modelopt.decision.Codes;
import org.modelopt.decision.Decisions;
import org.modelopt.decision.InputDecision;
import org.modelopt.decision.Quantization;
import org.modelopt.decision.StoredScales;
import org.modelopt.decision.StoredTensor;
import org.modelopt.decision.WeightDecision;
import org.modelopt.decision.WeightQuantization;
import org.modelopt.numeric.Scales;

/**
 * Global scales of NVFP4, of which compressed-tensors stores the reciprocal in float32. Rounding it
 * moves the scale by a bit, and values between two codes to the other one; decisions therefore get
 * a scale whose reciprocal says exactly that.
 */
final class InverseScales {
  private InverseScales() {}

  /** Decisions with global scales that survive being stored. */
  static Decisions of(Decisions decisions) {
    SequencedMap<String, WeightDecision> weights = new LinkedHashMap<>();
    decisions
        .weights()
        .forEach((name, weight) ->
            weights.put(
                name,
                new WeightDecision(
                    weight.changes(),
                    weight.quantization().map(InverseScales::stored),
                    weight.branch())));
    SequencedMap<String, InputDecision> inputs = new LinkedHashMap<>();
    decisions
        .inputs()
        .forEach((name, input) ->
            inputs.put(
                name,
                new InputDecision(
                    input.preScale(),
                    input.rotation(),
                    input.quantization().map(InverseScales::stored))));
    return new Decisions(weights, inputs, decisions.caches(), decisions.parameters());
  }

  private static float stored(float scale) {
    return 1 / (1 / scale);
  }

  private static WeightQuantization stored(WeightQuantization how) {
    if (!how.spec().scaleFormat().hasGlobalScale()) {
      return how;
    }
    Codes codes =
        switch (how.codes()) {
          case Codes.ByRule(float globalScale) -> new Codes.ByRule(stored(globalScale));
          case Codes.GivenScales(StoredScales scales) -> new Codes.GivenScales(stored(scales));
          case Codes.Given(StoredTensor given, StoredScales scales) ->
              new Codes.Given(given, stored(scales));
        };
    return new WeightQuantization(how.spec(), how.conversion(), codes, how.second());
  }

  private static StoredScales stored(StoredScales scales) {
    return new StoredScales(scales.values(), stored(scales.globalScale()), scales.zeroPoints());
  }

  private static Quantization stored(Quantization how) {
    return how.spec().scaleFormat().hasGlobalScale()
        ? new Quantization(
            how.spec(), Scales.dynamic(stored(how.scales().globalScale())), how.conversion())
        : how;
  }

  /** The number whose reciprocal is {@code scale}, if there is one; else the nearest. */
  static float reciprocal(float scale) {
    float nearest = 1 / scale;
    for (float candidate : new float[] {nearest, Math.nextUp(nearest), Math.nextDown(nearest)}) {
      if (1 / candidate == scale) {
        return candidate;
      }
    }
    return nearest;
  }
}
