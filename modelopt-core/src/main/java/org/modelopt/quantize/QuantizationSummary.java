package org.modelopt.quantize;

import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.modelopt.config.Plan.PlannedLinear;
import org.modelopt.numeric.QuantSpec;

/** The text of {@link QuantizedModel#summary()}. */
final class QuantizationSummary {
  private QuantizationSummary() {}

  static String of(QuantizedModel quantized) {
    StringBuilder text = new StringBuilder();
    text.append(line("model", quantized.model().name()));
    text.append(line("config", quantized.config().name()));
    long all = quantized.plan().linears().stream().mapToLong(p -> p.linear().elements()).sum();
    long done = quantized.plan().quantized().mapToLong(p -> p.linear().elements()).sum();
    text.append(
        line(
            "weights",
            "%,d of %,d parameters of linears quantized (%.1f%%)"
                .formatted(done, all, all == 0 ? 0 : 100.0 * done / all)));
    formats(quantized).forEach((format, count) -> text.append(line("", count + " x " + format)));
    text.append(line("unchanged", unchanged(quantized)));
    if (!quantized.decisions().caches().isEmpty()) {
      QuantSpec spec = quantized.decisions().caches().firstEntry().getValue().spec();
      text.append(line("KV cache", spec.format().name()));
    }
    quantized
        .samples()
        .ifPresent(set ->
            text.append(
                line(
                    "calibrated",
                    "%,d samples, %,d tokens of %s in %s"
                        .formatted(
                            set.samples().size(),
                            set.tokens(),
                            set.source(),
                            quantized.precision().toString().toLowerCase(Locale.ROOT)))));
    return text.toString();
  }

  private static Map<String, Long> formats(QuantizedModel quantized) {
    return quantized
        .plan()
        .quantized()
        .collect(
            Collectors.groupingBy(
                QuantizationSummary::describe, TreeMap::new, Collectors.counting()));
  }

  private static String describe(PlannedLinear planned) {
    return "weight %s, input %s"
        .formatted(
            planned.weight().map(spec -> spec.format().name()).orElse("as it is"),
            planned.input().map(spec -> spec.format().name()).orElse("as it is"));
  }

  private static String unchanged(QuantizedModel quantized) {
    String names =
        quantized.plan().linears().stream()
            .filter(planned -> planned.weight().isEmpty())
            .map(planned -> planned.linear().name())
            .limit(8)
            .collect(Collectors.joining(", "));
    return names.isEmpty() ? "no linear" : names;
  }

  private static String line(String label, String value) {
    return "%-12s%s%n".formatted(label, value);
  }
}
