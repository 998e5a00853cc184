package org.modelopt.export.verify.config;

import java.util.List;
import java.util.Optional;
import org.modelopt.export.verify.scheme.Scheme;

/** What the configuration of an export says about its quantization. */
public sealed interface QuantizationSettings
    permits Unquantized,
        UnknownMethod,
        ModelOptSettings,
        Fp8Settings,
        AwqSettings,
        GptqSettings,
        CompressedTensorsSettings,
        Mxfp4Settings {
  /** The {@code quant_method}, lower case; empty if the export is not quantized. */
  String method();

  /** How the linear layer {@code module} is stored, exclusions aside; empty if it is not. */
  Optional<Scheme> scheme(String module);

  /** Entries of the exclusion list. */
  List<String> exclusions();

  /** Name of the format of the key and value cache, such as {@code FP8}; empty if it has none. */
  String kvCache();
}
