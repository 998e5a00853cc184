package org.modelopt.export.verify.consumer;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.modelopt.export.verify.checkpoint.ExportDirectory;
import org.modelopt.export.verify.config.Mxfp4Settings;
import org.modelopt.export.verify.config.QuantizationSettings;
import org.modelopt.export.verify.layout.LinearModule;
import org.modelopt.export.verify.layout.ModelConfig;
import org.modelopt.export.verify.layout.ModelLayout;
import org.modelopt.export.verify.layout.StackedWeight;
import org.modelopt.export.verify.scheme.Scheme;

/**
 * An export as the rules see it.
 *
 * @param directory the tensors
 * @param config the model's fields of {@code config.json}
 * @param layout what the model consists of
 * @param settings what the export says of its quantization
 * @param quantized the linear layers that are stored quantized, with the scheme that the settings
 *     name for them
 */
public record ExportView(
    ExportDirectory directory,
    ModelConfig config,
    ModelLayout layout,
    QuantizationSettings settings,
    Map<LinearModule, Scheme> quantized) {
  /** Copies the map. */
  public ExportView {
    quantized = Collections.unmodifiableMap(new LinkedHashMap<>(quantized));
  }

  /** Weights of experts that the export says are stacked in MXFP4, by their unquantized names. */
  public Map<String, StackedWeight> quantizedStacks() {
    return settings instanceof Mxfp4Settings ? layout.stacks() : Map.of();
  }

  /**
   * Whether the exclusion list names the experts of {@code stack}, as transformers reads it: an
   * entry is a pattern of a name's beginning, or a name's end.
   */
  public boolean isExcluded(StackedWeight stack) {
    return settings.exclusions().stream()
        .anyMatch(entry ->
            Stream.of(stack.parent(), stack.name())
                .anyMatch(name ->
                    name.endsWith(entry) || Wildcards.regex(entry).matcher(name).lookingAt()));
  }
}
