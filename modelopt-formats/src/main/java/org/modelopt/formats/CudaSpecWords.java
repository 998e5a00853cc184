package org.modelopt.formats;

import java.util.ArrayList;
import java.util.List;
import org.modelopt.formats.codec.CodebookCodec;
import org.modelopt.formats.codec.FloatCodec;
import org.modelopt.formats.internal.Encoding;
import org.modelopt.numeric.Arithmetic;
import org.modelopt.numeric.CodebookFormat;
import org.modelopt.numeric.Conversion;
import org.modelopt.numeric.FloatFormat;
import org.modelopt.numeric.Granularity;
import org.modelopt.numeric.IntFormat;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.Rounding;
import org.modelopt.numeric.ScaleFormat;
import org.modelopt.numeric.ScaleRule;
import org.modelopt.tensor.DType;

/**
 * A spec, a conversion and a grid of groups as the kernels' structure {@code Spec}, word by word.
 */
final class CudaSpecWords {
  private static final int LEVELS = 16;

  private CudaSpecWords() {}

  // The orders of the enumerations in quantize.cuh.
  private static final List<Encoding.Variant> VARIANTS =
      List.of(
          Encoding.Variant.STANDARD,
          Encoding.Variant.POSITIVE_ZERO,
          Encoding.Variant.TIES_TOWARD_ZERO);
  private static final List<ScaleFormat> SCALE_FORMATS =
      List.of(
          ScaleFormat.F32,
          ScaleFormat.F16,
          ScaleFormat.BF16,
          ScaleFormat.E8M0,
          ScaleFormat.E4M3_WITH_GLOBAL_F32);
  private static final List<ScaleRule> RULES =
      List.of(
          ScaleRule.AMAX_OVER_MAX,
          ScaleRule.HALF_RANGE,
          ScaleRule.SIGNED_MAX,
          ScaleRule.RANGE_WITH_ZERO,
          ScaleRule.RANGE,
          ScaleRule.POWER_FLOOR,
          ScaleRule.POWER_EVEN,
          ScaleRule.POWER_CEIL,
          ScaleRule.POWER_ROUND_UP,
          ScaleRule.FOUR_OVER_SIX);

  /** Whether the kernels know the format: all but codebooks of more than 16 levels. */
  static boolean covers(QuantSpec spec) {
    return !(spec.format() instanceof CodebookFormat book) || book.levels().size() <= LEVELS;
  }

  /** How kernels call a kind of format. */
  static String kind(QuantSpec spec) {
    return switch (spec.format()) {
      case FloatFormat _ -> "float";
      case IntFormat _ -> "int";
      case CodebookFormat _ -> "book";
    };
  }

  static int[] of(
      QuantSpec spec, Conversion conversion, DType dtype, CudaGroups groups, float globalScale) {
    Encoding encoding = Encoding.of(spec, conversion.arithmetic());
    List<Integer> words = new ArrayList<>();
    words.add(spec.format().bits());
    words.add(VARIANTS.indexOf(encoding.variant()));
    addFloat(words, spec);
    if (spec.format() instanceof IntFormat ints) {
      words.add(ints.min());
      words.add(ints.max());
    } else {
      words.add(0);
      words.add(0);
    }
    add(words, encoding.stepsPerScale());
    add(words, spec.format().maxFinite());
    words.add(RULES.indexOf(spec.scaleRule()));
    words.add(evenHalf(spec));
    words.add(SCALE_FORMATS.indexOf(spec.scaleFormat()));
    words.add(conversion.arithmetic() == Arithmetic.TORCH_CUDA ? 1 : 0);
    add(words, globalScale);
    words.add(narrow(spec, conversion, dtype));
    words.add(encoding.powerOfTwoScales() ? 1 : 0);
    long seed = conversion.rounding() instanceof Rounding.Stochastic(long s) ? s : 0;
    words.add(conversion.rounding() instanceof Rounding.Stochastic ? 1 : 0);
    words.add((int) seed);
    words.add((int) (seed >>> 32));
    words.add(groups.columns());
    words.add(groups.rows());
    words.add(groups.perRow());
    addLevels(words, spec);
    return words.stream().mapToInt(Integer::intValue).toArray();
  }

  private static void add(List<Integer> words, float value) {
    words.add(Float.floatToRawIntBits(value));
  }

  private static void addFloat(List<Integer> words, QuantSpec spec) {
    if (!(spec.format() instanceof FloatFormat f)) {
      for (int i = 0; i < 12; i++) {
        words.add(0);
      }
      return;
    }
    int minField = 127 + 1 - f.bias();
    int mantissaBits = f.mantissaBits();
    add(words, f.maxFinite());
    words.add(minField << 23);
    words.add(((23 - mantissaBits) << 23) + (1 << 22) - (minField << mantissaBits));
    words.add(23 - mantissaBits);
    words.add((127 - f.bias()) << 23);
    words.add(32 - f.bits());
    words.add((1 << (f.bits() - 1)) - 1);
    words.add(1 << (f.bits() - 1));
    words.add(FloatCodec.maxCode(f));
    words.add(FloatCodec.encode(f, Float.NaN));
    add(words, Math.scalb(1f, 1 - f.bias()));
    words.add(f.specials() == FloatFormat.Specials.IEEE ? 1 : 0);
  }

  /** Half a unit of the element's last mantissa bit, in the bits of a float. */
  private static int evenHalf(QuantSpec spec) {
    int mantissaBits =
        switch (spec.format()) {
          case FloatFormat f -> f.mantissaBits();
          case IntFormat f -> f.bits() - 2;
          case CodebookFormat _ -> 0;
        };
    return 1 << (22 - mantissaBits);
  }

  /** See {@link Arithmetic}: what is rounded to the elements' type under a per-tensor scale. */
  private static int narrow(QuantSpec spec, Conversion conversion, DType dtype) {
    boolean narrow = spec.granularity() instanceof Granularity.PerTensor && dtype != DType.F32;
    return switch (conversion.arithmetic()) {
      case FLOAT32 -> 0;
      case TORCH_CPU -> narrow ? 1 : 0;
      case TORCH_CUDA -> narrow ? 2 : 0;
    };
  }

  private static void addLevels(List<Integer> words, QuantSpec spec) {
    for (int i = 0; i < LEVELS; i++) {
      boolean has = spec.format() instanceof CodebookFormat book && i < book.levels().size();
      add(words, has ? ((CodebookFormat) spec.format()).levels().get(i) : 0);
    }
    for (int i = 0; i < LEVELS; i++) {
      boolean has = spec.format() instanceof CodebookFormat book && i + 1 < book.levels().size();
      add(words, has ? down(CodebookCodec.middle((CodebookFormat) spec.format(), i)) : 0);
    }
  }

  /** The largest float that is not above {@code x}. */
  private static float down(double x) {
    float nearest = (float) x;
    return nearest > x ? Math.nextDown(nearest) : nearest;
  }
}
