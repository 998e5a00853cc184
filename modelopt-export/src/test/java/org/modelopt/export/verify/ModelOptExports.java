package org.modelopt.export.verify;

import java.util.ArrayList;
import java.util.List;
import org.modelopt.tensor.DType;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Valid exports with a ModelOpt configuration, made by encoders of the tests' own. */
final class ModelOptExports {
  private ModelOptExports() {}

  /** Both configurations, with the output head and the routers excluded. */
  static TestCheckpoint configured(TestCheckpoint model, String algorithm, int groupSize) {
    TestCheckpoint export = model.copy();
    ObjectNode inline = export.config.putObject("quantization_config");
    inline.put("quant_method", "modelopt").put("quant_algo", algorithm);
    inline.putObject("producer").put("name", "modelopt").put("version", "1");
    export.hfQuantConfig = TestCheckpoint.JSON.createObjectNode();
    export.hfQuantConfig.putObject("producer").put("name", "modelopt").put("version", "1");
    ObjectNode nested = export.hfQuantConfig.putObject("quantization");
    nested.put("quant_algo", algorithm).putNull("kv_cache_quant_algo");
    if (groupSize > 0) {
      inline.put("group_size", groupSize);
      nested.put("group_size", groupSize);
    } else {
      nested.putNull("group_size");
    }
    List<String> excluded = new ArrayList<>(List.of("lm_head"));
    excluded.addAll(TinyModels.routers(model));
    exclude(export, excluded);
    return export;
  }

  /** Replaces the exclusion list of both configurations. */
  static void exclude(TestCheckpoint export, List<String> entries) {
    ArrayNode flat = export.inline().putArray("ignore");
    ArrayNode nested = export.nested().putArray("exclude_modules");
    entries.forEach(entry -> {
      flat.add(entry);
      nested.add(entry);
    });
  }

  static TestCheckpoint fp8(TestCheckpoint model) {
    TestCheckpoint export = configured(model, "FP8", 0);
    for (String path : TinyModels.linears(model)) {
      Matrix weight = Matrix.of(model.get(path + ".weight"));
      float scale = weight.amax() / 448;
      export.put(path + ".weight", e4m3(weight, (r, c) -> scale));
      export.put(path + ".weight_scale", TestTensor.scalar(scale));
      export.put(path + ".input_scale", TestTensor.scalar(0.01));
    }
    return export;
  }

  /** FP8 with a cache in FP8. */
  static TestCheckpoint fp8WithCache(TestCheckpoint model) {
    TestCheckpoint export = fp8(model);
    export
        .inline()
        .set(
            "kv_cache_scheme",
            TestCheckpoint.json("{'type': 'float', 'num_bits': 8, 'dynamic': false}"));
    export.nested().put("kv_cache_quant_algo", "FP8");
    for (int i = 0; i < TinyModels.LAYERS; i++) {
      for (String kind : List.of("k", "v")) {
        export.put(
            "model.layers.%d.self_attn.%s_proj.%s_scale".formatted(i, kind, kind),
            TestTensor.scalar(0.02));
      }
    }
    return export;
  }

  /** The scale of an element. */
  @FunctionalInterface
  interface Scale {
    float of(int row, int column);
  }

  static TestTensor e4m3(Matrix weight, Scale scale) {
    byte[] codes = new byte[weight.values().length];
    for (int r = 0; r < weight.rows(); r++) {
      for (int c = 0; c < weight.columns(); c++) {
        codes[r * weight.columns() + c] = Codes.e4m3(weight.get(r, c) / (double) scale.of(r, c));
      }
    }
    return TestTensor.bytes(DType.F8_E4M3, weight.dims(), codes);
  }
}
