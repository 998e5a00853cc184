package org.modelopt.export.verify;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.modelopt.export.verify.checkpoint.ExportTensor;
import org.modelopt.export.verify.consumer.ExportView;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.Violation;
import org.modelopt.tensor.DType;

/**
 * Scales of the key and value cache: complete or absent, announced, F32 scalars, positive.
 *
 * <p>Source: vLLM, {@code model_loader/weight_utils.py}, {@code maybe_remap_kv_scale_name}.
 */
final class CacheCheck {
  /** Attention block; which projection the scale is kept beside, if any; key or value. */
  private static final Pattern NAME =
      Pattern.compile("(.*attn)\\.(?:(?:[kv]|qkv)_proj\\.)?([kv])_(scale|bias)");

  private static final Violation SCALE =
      new Violation(
          "scale of the key and value cache",
          "it is one F32 number; zero or NaN spreads to every later token",
          "write amax/448 of the calibration, or leave all cache scales out");
  private static final Violation INCOMPLETE =
      new Violation(
          "cache scales are not complete",
          "a missing one is taken as 1.0, or as that of its sibling",
          "write k_scale and v_scale for every attention layer");
  private static final Violation NOT_ANNOUNCED =
      new Violation(
          "cache scales without a cache format",
          "nobody reads them, and some loaders stop at unknown names",
          "write kv_cache_scheme and kv_cache_quant_algo, or leave the scales out");
  private static final Violation NONE =
      new Violation(
          "cache format without scales",
          "consumers use 1.0, which saturates at 448",
          "nothing, if that was meant; else calibrate the cache");
  private static final Violation OFF_RANGE =
      new Violation(
          "cache scale upside down or far too large",
          "keys and values lose most of their bits",
          "store amax/448: consumers divide by it");

  /** A warning of the reference exporter starts here: beyond, amax is above 224. */
  private static final double USUAL_LIMIT = 0.5;

  private CacheCheck() {}

  /** Checks, and returns the names of all tensors that belong to the cache. */
  static Set<String> run(ExportView export, Findings findings) {
    Set<String> names = new LinkedHashSet<>();
    Set<String> present = new LinkedHashSet<>();
    for (ExportTensor tensor : export.directory().tensors().values()) {
      Matcher matcher = NAME.matcher(tensor.name());
      if (matcher.matches()) {
        names.add(tensor.name());
        if (matcher.group(3).equals("scale")) {
          present.add(matcher.group(1) + " " + matcher.group(2));
          checkScale(tensor, findings);
        }
      }
    }
    String format = export.settings().kvCache();
    Place place = Place.file("config.json quantization_config");
    if (names.isEmpty()) {
      if (!format.isEmpty()) {
        findings.note(NONE, place, "k_scale and v_scale", "none, for " + format);
      }
      return names;
    }
    if (format.isEmpty()) {
      findings.error(NOT_ANNOUNCED, place, "a cache format", names.size() + " cache tensors");
    }
    List<String> missing = new ArrayList<>();
    for (String block : export.layout().attentionBlocks()) {
      for (String kind : List.of("k", "v")) {
        if (!present.contains(block + " " + kind)) {
          missing.add(block + "." + kind + "_scale");
        }
      }
    }
    if (export.directory().isComplete()) {
      missing.forEach(
          name -> findings.error(INCOMPLETE, Place.tensor(name), "one for every layer", "absent"));
    }
    return names;
  }

  private static void checkScale(ExportTensor tensor, Findings findings) {
    OptionalDouble value = Scalars.read(Optional.of(tensor));
    boolean scalar = tensor.dtype() == DType.F32 && value.isPresent() && tensor.shape().rank() <= 1;
    if (!scalar) {
      findings.error(SCALE, tensor.place(), "F32 []", tensor.description());
    } else if (!(value.getAsDouble() > 0) || Double.isInfinite(value.getAsDouble())) {
      findings.error(SCALE, tensor.place(), "finite and positive", value.getAsDouble());
    } else if (value.getAsDouble() > USUAL_LIMIT) {
      findings.note(OFF_RANGE, tensor.place(), "at most " + USUAL_LIMIT, value.getAsDouble());
    }
  }
}
