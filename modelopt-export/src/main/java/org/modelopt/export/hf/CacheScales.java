package org.modelopt.export.hf;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import org.modelopt.decision.Quantization;
import org.modelopt.error.ConfigException;
import org.modelopt.export.write.SpecTraits;
import org.modelopt.export.write.Subject;
import org.modelopt.model.CacheSite;
import org.modelopt.model.Layer;

/**
 * Formats and scales of the KV cache. A scale is amax / 448, for NVFP4 caches too: their blocks
 * have E4M3 scales up to 448 under it.
 *
 * @param format FP8 or NVFP4
 * @param scales by site
 */
public record CacheScales(String format, SequencedMap<CacheSite, Float> scales) {
  /** Codes of E2M1 reach 6: the global scale of NVFP4 is amax / (6 * 448). */
  private static final float LARGEST_E2M1 = 6;

  /** Of a model, if its cache is quantized. */
  public static Optional<CacheScales> of(Subject subject) {
    SequencedMap<CacheSite, Float> scales = new LinkedHashMap<>();
    String format = "";
    for (Layer layer : subject.model().layers()) {
      for (CacheSite site : layer.cacheSites()) {
        Optional<Quantization> decided = subject.decisions().cache(site.name());
        if (decided.isEmpty()) {
          continue;
        }
        SpecTraits traits = new SpecTraits(decided.get().spec());
        String found;
        if (traits.isFp8() && traits.isStaticTensor()) {
          found = "FP8";
          scales.put(site, decided.get().scales().values().getFloat(0));
        } else if (traits.isNvfp4(16)) {
          found = "NVFP4";
          scales.put(site, decided.get().scales().globalScale() * LARGEST_E2M1);
        } else {
          throw new ConfigException(
              "%s: readers take FP8 caches with one scale and NVFP4 caches, not %s"
                  .formatted(site.name(), decided.get().spec()));
        }
        if (!format.isEmpty() && !format.equals(found)) {
          throw new ConfigException(
              "the KV cache is %s in one place and %s in another; readers take one format"
                  .formatted(format, found));
        }
        format = found;
      }
    }
    return scales.isEmpty() ? Optional.empty() : Optional.of(new CacheScales(format, scales));
  }

  /** Scales by tensor name: after the projection that makes keys or values. */
  public Map<String, Float> byProjection() {
    SequencedMap<String, Float> named = new LinkedHashMap<>();
    scales.forEach((site, scale) -> named.put(site.name() + suffix(site), scale));
    return named;
  }

  /** Scales by tensor name: after the attention module. */
  public Map<String, Float> byAttention() {
    SequencedMap<String, Float> named = new LinkedHashMap<>();
    scales.forEach((site, scale) ->
        named.put(site.name().substring(0, site.name().lastIndexOf('.')) + suffix(site), scale));
    return named;
  }

  private static String suffix(CacheSite site) {
    return switch (site.kind()) {
      case KEY -> ".k_scale";
      case VALUE -> ".v_scale";
    };
  }
}
