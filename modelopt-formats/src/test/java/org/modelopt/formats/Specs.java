package org.modelopt.formats;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import org.modelopt.numeric.CodebookFormat;
import org.modelopt.numeric.FloatFormat;
import org.modelopt.numeric.Granularity;
import org.modelopt.numeric.IntFormat;
import org.modelopt.numeric.IntFormat.Range;
import org.modelopt.numeric.NumberFormat;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.ScaleFormat;
import org.modelopt.numeric.ScaleRule;

/** Specs for tests that hold for all of them. */
final class Specs {
  static final List<FloatFormat> FLOATS =
      List.of(
          FloatFormat.E4M3, FloatFormat.E5M2, FloatFormat.E3M2, FloatFormat.E2M3, FloatFormat.E2M1);

  private static final List<ScaleFormat> STORED = List.copyOf(EnumSet.allOf(ScaleFormat.class));
  private static final List<ScaleRule> POWERS =
      Arrays.stream(ScaleRule.values()).filter(ScaleRule::isPowerOfTwo).toList();

  /** The formats that have a name. */
  static final List<QuantSpec> NAMED =
      List.of(
          QuantSpec.FP8,
          QuantSpec.FP8_PER_CHANNEL,
          QuantSpec.FP8_PER_TOKEN,
          QuantSpec.FP8_BLOCK_128X128,
          QuantSpec.FP8_TOKEN_BLOCK_128,
          QuantSpec.INT8,
          QuantSpec.INT8_PER_CHANNEL,
          QuantSpec.INT8_PER_TOKEN,
          QuantSpec.INT4_BLOCK_128,
          QuantSpec.INT4_BLOCK_64,
          QuantSpec.INT4_BLOCK_32,
          QuantSpec.UINT4_BLOCK_128,
          QuantSpec.MXFP8,
          QuantSpec.MXFP8_E5M2,
          QuantSpec.MXFP6,
          QuantSpec.MXFP6_E2M3,
          QuantSpec.MXFP4,
          QuantSpec.MXINT8,
          QuantSpec.NVFP4,
          QuantSpec.NVFP4_FOUR_OVER_SIX,
          QuantSpec.NF4);

  /** Named ones and others that a user might put together. */
  static final List<QuantSpec> ALL = all();

  private Specs() {}

  private static List<QuantSpec> all() {
    List<QuantSpec> specs = new ArrayList<>(NAMED);
    List<NumberFormat> formats = new ArrayList<>(FLOATS);
    for (int bits = 2; bits <= 8; bits++) {
      formats.add(new IntFormat(bits, Range.NARROW));
      formats.add(new IntFormat(bits, Range.FULL));
      formats.add(new IntFormat(bits, Range.UNSIGNED));
    }
    formats.add(IntFormat.MX_INT8);
    formats.add(CodebookFormat.NF4);
    List<Granularity> granularities =
        List.of(
            Granularity.perTensor(),
            Granularity.perChannel(),
            Granularity.block(1),
            Granularity.block(5),
            Granularity.block(16),
            Granularity.block(48),
            Granularity.block(600),
            Granularity.block2d(3, 8),
            Granularity.block2d(128, 128));
    int turn = 0;
    for (NumberFormat format : formats) {
      for (Granularity granularity : granularities) {
        specs.add(QuantSpec.of(format, granularity));
        ScaleFormat stored = STORED.get(turn++ % STORED.size());
        ScaleRule power = POWERS.get(turn % POWERS.size());
        ScaleRule rule = stored == ScaleFormat.E8M0 ? power : ScaleRule.AMAX_OVER_MAX;
        specs.add(new QuantSpec(format, granularity, stored, rule, false));
        if (format instanceof IntFormat ints && ints.fractionBits() == 0) {
          switch (ints.range()) {
            case FULL -> {
              ScaleRule full = turn % 2 == 0 ? ScaleRule.HALF_RANGE : ScaleRule.SIGNED_MAX;
              specs.add(new QuantSpec(format, granularity, ScaleFormat.F16, full, false));
            }
            case UNSIGNED -> {
              ScaleRule range = turn % 2 == 0 ? ScaleRule.RANGE : ScaleRule.RANGE_WITH_ZERO;
              specs.add(new QuantSpec(format, granularity, ScaleFormat.F32, range, false));
            }
            case NARROW -> {}
          }
        }
      }
    }
    specs.add(QuantSpec.NVFP4.withGranularity(Granularity.block(32)));
    specs.add(QuantSpec.MXFP4.asDynamic());
    specs.add(QuantSpec.NVFP4.asDynamic());
    specs.add(QuantSpec.NVFP4_FOUR_OVER_SIX.asDynamic());
    return List.copyOf(specs);
  }
}
