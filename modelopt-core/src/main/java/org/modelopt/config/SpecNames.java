package org.modelopt.config;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Optional;
import java.util.SequencedMap;
import org.modelopt.numeric.FloatFormat;
import org.modelopt.numeric.Granularity;
import org.modelopt.numeric.IntFormat;
import org.modelopt.numeric.NumberFormat;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.ScaleFormat;
import org.modelopt.numeric.ScaleRule;

/**
 * Formats by the names that recipes, presets and reports use. Names that end in {@code _dynamic}
 * are for inputs: scales (under NVFP4 the block scales) are computed as inputs come.
 */
public final class SpecNames {
  private static final SequencedMap<String, QuantSpec> ALL = all();

  private SpecNames() {}

  private static SequencedMap<String, QuantSpec> all() {
    SequencedMap<String, QuantSpec> specs = new LinkedHashMap<>();
    specs.put("fp8", QuantSpec.FP8);
    specs.put("fp8_per_channel", plain(FloatFormat.E4M3, Granularity.perChannel(), false));
    specs.put("fp8_per_token_dynamic", plain(FloatFormat.E4M3, Granularity.perToken(), true));
    specs.put("fp8_block_128x128", plain(FloatFormat.E4M3, Granularity.block2d(128, 128), false));
    specs.put("int8", plain(IntFormat.INT8, Granularity.perTensor(), false));
    specs.put("int8_per_channel", plain(IntFormat.INT8, Granularity.perChannel(), false));
    specs.put("int8_per_token_dynamic", plain(IntFormat.INT8, Granularity.perToken(), true));
    specs.put("int4_block_128", plain(IntFormat.INT4, Granularity.block(128), false));
    microscaled(specs, "mxfp8", FloatFormat.E4M3);
    microscaled(specs, "mxfp6", FloatFormat.E3M2);
    microscaled(specs, "mxfp6_e2m3", FloatFormat.E2M3);
    microscaled(specs, "mxfp4", FloatFormat.E2M1);
    microscaled(specs, "mxint8", IntFormat.INT8);
    specs.put("nvfp4", nvfp4(16, false));
    specs.put("nvfp4_dynamic", nvfp4(16, true));
    specs.put("nvfp4_block_32", nvfp4(32, false));
    return Collections.unmodifiableSequencedMap(specs);
  }

  private static QuantSpec plain(NumberFormat format, Granularity granularity, boolean dynamic) {
    return new QuantSpec(format, granularity, ScaleFormat.F32, ScaleRule.AMAX_OVER_MAX, dynamic);
  }

  private static void microscaled(
      SequencedMap<String, QuantSpec> specs, String name, NumberFormat format) {
    for (boolean dynamic : new boolean[] {false, true}) {
      specs.put(
          dynamic ? name + "_dynamic" : name,
          new QuantSpec(
              format, Granularity.block(32), ScaleFormat.E8M0, ScaleRule.POWER_ROUND_UP, dynamic));
    }
  }

  private static QuantSpec nvfp4(int block, boolean dynamic) {
    return new QuantSpec(
        FloatFormat.E2M1,
        Granularity.block(block),
        ScaleFormat.E4M3_WITH_GLOBAL_F32,
        ScaleRule.AMAX_OVER_MAX,
        dynamic);
  }

  /** All named formats, in a fixed order. */
  public static SequencedMap<String, QuantSpec> map() {
    return ALL;
  }

  /**
   * The format called {@code name}.
   *
   * @throws IllegalArgumentException if there is none
   */
  public static QuantSpec get(String name) {
    QuantSpec spec = ALL.get(name);
    if (spec == null) {
      throw new IllegalArgumentException(
          "no format \"" + name + "\"; " + Nearest.suggestion(name, ALL.keySet()));
    }
    return spec;
  }

  /** The name of {@code spec}, if it has one. */
  public static Optional<String> of(QuantSpec spec) {
    return ALL.entrySet().stream()
        .filter(entry -> entry.getValue().equals(spec))
        .map(java.util.Map.Entry::getKey)
        .findFirst();
  }

  /** The name of {@code spec}, or its parts where it has none; for reports. */
  public static String describe(QuantSpec spec) {
    return of(spec).orElseGet(() -> SpecText.write(spec));
  }
}
