package org.modelopt.benchmarks.formats;

import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.util.Locale;
import java.util.SplittableRandom;
import org.modelopt.benchmarks.Usage;
import org.modelopt.compute.Backend;
import org.modelopt.compute.BackendOptions;
import org.modelopt.compute.Backends;
import org.modelopt.numeric.CodebookFormat;
import org.modelopt.numeric.FloatFormat;
import org.modelopt.numeric.IntFormat;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.Quantizer;
import org.modelopt.numeric.Quantizers;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * Prints the table of formats of {@code docs/formats.md}: largest value, smallest step, bits per
 * element with scales, and the mean squared error on normal deviates, relative to their mean
 * square.
 */
public final class FormatErrors {
  private static final Shape SHAPE = Shape.of(256, 4096);

  private FormatErrors() {}

  /** Prints the table. */
  public static void main(String[] args) {
    Usage.check(args, "");
    PrintStream out = System.out;
    out.println("| constant | largest | smallest step | bits per element | relative error |");
    out.println("|---|---|---|---|---|");
    try (Arena arena = Arena.ofShared();
        Backend backend = Backends.open("cpu", BackendOptions.defaults().withThreads(2))) {
      SplittableRandom random = new SplittableRandom(1);
      float[] x = new float[Math.toIntExact(SHAPE.elements())];
      for (int i = 0; i < x.length; i++) {
        x[i] = (float) random.nextGaussian();
      }
      Tensor tensor = Tensor.ofFloats(arena, SHAPE, x);
      for (String name : Named.ALL) {
        QuantSpec spec = Named.spec(name);
        double error = error(Quantizers.of(spec, backend), tensor, x);
        out.printf(
            Locale.ROOT,
            "| %s | %s | %s | %.4g | %.3g |%n",
            name,
            number(spec.format().maxFinite()),
            step(spec),
            spec.bitsPerElement(SHAPE.columns()),
            error);
      }
    }
  }

  private static double error(Quantizer quantizer, Tensor tensor, float[] x) {
    try (Arena arena = Arena.ofShared()) {
      Tensor values = Tensor.allocate(arena, DType.F32, SHAPE);
      var scales = quantizer.scales(tensor, arena);
      quantizer.dequantize(quantizer.quantize(tensor, scales, arena), values);
      float[] y = values.toFloats();
      double error = 0;
      double power = 0;
      for (int i = 0; i < x.length; i++) {
        error += Math.pow((double) x[i] - y[i], 2);
        power += (double) x[i] * x[i];
      }
      return error / power;
    }
  }

  private static String step(QuantSpec spec) {
    return switch (spec.format()) {
      case FloatFormat f -> "2^" + (1 - f.bias() - f.mantissaBits());
      case IntFormat f -> f.fractionBits() == 0 ? "1" : "2^-" + f.fractionBits();
      case CodebookFormat _ -> "0.0796";
    };
  }

  private static String number(float value) {
    return value == Math.rint(value) ? Integer.toString((int) value) : Float.toString(value);
  }
}
