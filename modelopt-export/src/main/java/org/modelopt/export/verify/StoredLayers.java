package org.modelopt.export.verify;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.modelopt.export.verify.checkpoint.ExportDirectory;
import org.modelopt.export.verify.checkpoint.ExportTensor;
import org.modelopt.export.verify.config.QuantizationSettings;
import org.modelopt.export.verify.layout.LinearModule;
import org.modelopt.export.verify.layout.ModelConfig;
import org.modelopt.export.verify.layout.ModelLayout;
import org.modelopt.export.verify.layout.ModelLayouts;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.Violation;
import org.modelopt.export.verify.scheme.Scheme;
import org.modelopt.tensor.Shape;

/** Which linear layers are stored quantized, seen from the tensors alone. */
final class StoredLayers {
  /** How a layer is stored. */
  enum Storage {
    /** As codes and scales. */
    QUANTIZED,
    /** As a weight of a float type. */
    PLAIN,
    /** Not at all. */
    ABSENT
  }

  /** Tensors that a layer may have whether it is quantized or not. */
  private static final Set<String> NEUTRAL =
      Set.of("bias", "k_scale", "v_scale", "k_bias", "v_bias");

  private static final Violation NO_SCHEME =
      new Violation(
          "quantized layer without a declared format",
          "consumers build it unquantized; its codes do not fit or are read as numbers",
          "declare the format in the configuration, or store the layer unquantized");

  private StoredLayers() {}

  /** How the layer at {@code path} is stored. */
  static Storage of(ExportDirectory directory, String path) {
    Optional<ExportTensor> weight = directory.find(path + ".weight");
    if (weight.isPresent()) {
      return weight.get().dtype().isWideFloat() ? Storage.PLAIN : Storage.QUANTIZED;
    }
    return directory.suffixesOf(path).stream().allMatch(NEUTRAL::contains)
        ? Storage.ABSENT
        : Storage.QUANTIZED;
  }

  /** The quantized layers and the scheme that the settings name for each. */
  static Map<LinearModule, Scheme> quantized(
      ExportDirectory directory,
      ModelLayout layout,
      QuantizationSettings settings,
      Findings findings) {
    Map<LinearModule, Scheme> quantized = new LinkedHashMap<>();
    for (LinearModule module : layout.linears().values()) {
      if (of(directory, module.path()) != Storage.QUANTIZED) {
        continue;
      }
      Optional<Scheme> scheme = settings.scheme(module.path());
      if (scheme.isPresent()) {
        quantized.put(module, scheme.get());
      } else {
        findings.error(
            NO_SCHEME,
            Place.tensor(module.path()),
            "a format for this layer in the configuration",
            "tensors " + directory.suffixesOf(module.path()));
      }
    }
    return quantized;
  }

  /**
   * A layout from the export itself, for architectures without a table: quantized layers get the
   * shape that their codes imply.
   */
  static ModelLayout layout(
      ExportDirectory directory, ModelConfig config, QuantizationSettings settings) {
    Map<String, Shape> shapes = new LinkedHashMap<>();
    for (ExportTensor tensor : directory.tensors().values()) {
      int dot = tensor.name().lastIndexOf('.');
      String path = tensor.name().substring(0, Math.max(dot, 0));
      String suffix = tensor.name().substring(dot + 1);
      Optional<Scheme> scheme =
          of(directory, path) == Storage.QUANTIZED ? settings.scheme(path) : Optional.empty();
      if (scheme.isEmpty()) {
        shapes.put(tensor.name(), tensor.shape());
      } else if (scheme.get().part(suffix).isEmpty()) {
        if (NEUTRAL.contains(suffix)) {
          shapes.put(tensor.name(), tensor.shape());
        }
      } else if (suffix.equals(scheme.get().carrier().suffix())) {
        scheme
            .get()
            .carrier()
            .weightShape(tensor.shape())
            .ifPresent(shape -> shapes.put(path + ".weight", shape));
      }
    }
    return ModelLayouts.fromTensors(ModelLayout.Source.EXPORT, config, shapes);
  }
}
