package org.modelopt.models.generation;

import java.util.Arrays;
import java.util.Comparator;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/** Chooses the next token. */
final class Sampler {
  private final double temperature;
  private final double topP;
  private final SplittableRandom random;

  Sampler(GenerationOptions options) {
    this.temperature = options.temperature();
    this.topP = options.topP();
    this.random = new SplittableRandom(options.seed());
  }

  int next(float[] logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      best = logits[i] > logits[best] ? i : best;
    }
    if (temperature == 0) {
      return best;
    }
    double[] weights = new double[logits.length];
    for (int i = 0; i < weights.length; i++) {
      weights[i] = Math.exp((logits[i] - logits[best]) / temperature);
    }
    double total = Arrays.stream(weights).sum();
    int[] order =
        topP == 1
            ? IntStream.range(0, weights.length).toArray()
            : IntStream.range(0, weights.length)
                .boxed()
                .sorted(Comparator.<Integer>comparingDouble(i -> -weights[i]))
                .mapToInt(Integer::intValue)
                .toArray();
    double kept = 0;
    int count = 0;
    while (count < order.length && (count == 0 || kept < topP * total)) {
      kept += weights[order[count++]];
    }
    double draw = random.nextDouble() * kept;
    for (int i = 0; i < count; i++) {
      draw -= weights[order[i]];
      if (draw < 0) {
        return order[i];
      }
    }
    return order[count - 1];
  }
}
