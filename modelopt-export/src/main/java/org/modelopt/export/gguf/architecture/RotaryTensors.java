package org.modelopt.export.gguf.architecture;

import java.util.ArrayList;
import java.util.List;
import org.modelopt.models.hf.HfConfig;

/** Divisors of rotary frequencies, which GGUF keeps as tensors where there is no key for them. */
final class RotaryTensors {
  private RotaryTensors() {}

  static List<PlannedTensor> of(ModelShape shape) {
    HfConfig rotary = shape.rotary("full_attention");
    return switch (shape.rotaryKind()) {
      case "llama3" -> List.of(computed("rope_freqs.weight", llama3(shape, rotary)));
      case "longrope" ->
          List.of(
              computed("rope_factors_long.weight", factors(rotary, "long_factor")),
              computed("rope_factors_short.weight", factors(rotary, "short_factor")));
      default -> List.of();
    };
  }

  private static PlannedTensor computed(String name, List<Float> values) {
    return new PlannedTensor(
        name, List.of((long) values.size()), new PlannedTensor.Computed(values));
  }

  private static List<Float> factors(HfConfig rotary, String field) {
    return rotary.findNumbers(field).orElseThrow(() -> rotary.missing(field)).stream()
        .map(Double::floatValue)
        .toList();
  }

  /** 1 for short waves, {@code factor} for long ones, and a smooth passage between. */
  private static List<Float> llama3(ModelShape shape, HfConfig rotary) {
    double factor = rotary.findNumber("factor").orElse(8);
    double low = rotary.findNumber("low_freq_factor").orElse(1);
    double high = rotary.findNumber("high_freq_factor").orElse(4);
    double context = rotary.findNumber("original_max_position_embeddings").orElse(8192);
    int size = shape.headSize();
    List<Float> divisors = new ArrayList<>();
    for (int i = 0; i < size / 2; i++) {
      double frequency = Math.pow(shape.rotaryBase(), -2.0 * i / size);
      double wavelength = 2 * Math.PI / frequency;
      double divisor;
      if (wavelength < context / high) {
        divisor = 1;
      } else if (wavelength > context / low) {
        divisor = factor;
      } else {
        double smooth = (context / wavelength - low) / (high - low);
        divisor = 1 / ((1 - smooth) / factor + smooth);
      }
      divisors.add((float) divisor);
    }
    return divisors;
  }
}
