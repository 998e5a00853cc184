package org.modelopt.export.gguf;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.modelopt.error.ConfigException;
import org.modelopt.job.LinearForm;
import org.modelopt.job.Pass;
import org.modelopt.model.Linear;
import org.modelopt.models.HfModel;
import org.modelopt.models.decoder.TensorSlice;
import org.modelopt.models.hf.HfConfig;
import org.modelopt.numeric.QuantizedTensor;
import org.modelopt.quantize.QuantizedModel;
import org.modelopt.safetensors.SafetensorsCheckpoint;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;

/** Where the values of a GGUF file come from. */
sealed interface GgufSource {
  /** Where config.json and the tokenizer are. */
  Path directory();

  /** Shapes of all weights by name, as if none was quantized. */
  Map<String, Shape> shapes();

  /**
   * The values of a weight on the host, in F32, F16 or BF16.
   *
   * @param pass where codes become values
   * @param arena owner of the result; shared
   */
  Tensor open(String name, Pass pass, Arena arena);

  /** Whether values are those of the checkpoint, so that they can be compared with it. */
  boolean isOriginal();

  /** The weights of a checkpoint that is not quantized. */
  record Stored(Path directory, SafetensorsCheckpoint checkpoint) implements GgufSource {
    static Stored of(Path directory) {
      if (HfConfig.read(directory.resolve("config.json")).has("quantization_config")) {
        throw new ConfigException(
            directory + " is quantized; open it as a model and export that, which reads its codes");
      }
      return new Stored(directory, SafetensorsCheckpoint.open(directory));
    }

    @Override
    public Map<String, Shape> shapes() {
      Map<String, Shape> shapes = new LinkedHashMap<>();
      for (TensorInfo info : checkpoint.tensors()) {
        shapes.put(info.name(), info.shape());
      }
      return shapes;
    }

    @Override
    public Tensor open(String name, Pass pass, Arena arena) {
      return checkpoint.open(name, arena);
    }

    @Override
    public boolean isOriginal() {
      return true;
    }
  }

  /** What a quantized model's codes stand for, and its other parameters. */
  record Decided(QuantizedModel quantized, HfModel model, Map<String, Linear> linears)
      implements GgufSource {
    static Decided of(QuantizedModel quantized) {
      if (!(quantized.model() instanceof HfModel model)) {
        throw new ConfigException(
            quantized.model().name()
                + " is not a HuggingFace checkpoint; load it with Models.load to export it");
      }
      Map<String, Linear> linears = new HashMap<>();
      model.linears().forEach(linear -> linears.putIfAbsent(linear.weightName(), linear));
      return new Decided(quantized, model, linears);
    }

    @Override
    public Path directory() {
      return model.directory();
    }

    @Override
    public Map<String, Shape> shapes() {
      Map<String, Shape> shapes = new LinkedHashMap<>();
      // Of experts that are stored stacked the weights are read one by one, the biases together.
      Set<String> slices = new HashSet<>();
      Set<String> stacks = new HashSet<>();
      for (TensorSlice slice : model.slices()) {
        slices.add(slice.name());
        if (slice.shape().rank() > 1) {
          stacks.addAll(
              List.of(slice.stack(), slice.stack() + "_blocks", slice.stack() + "_scales"));
        }
      }
      linears.forEach((name, linear) -> {
        shapes.put(name, Shape.of(linear.outFeatures(), linear.inFeatures()));
        if (linear.hasBias() && !slices.contains(linear.biasName())) {
          shapes.put(linear.biasName(), Shape.of(linear.outFeatures()));
        }
      });
      for (TensorInfo info : model.tensors().tensors()) {
        int dot = info.name().lastIndexOf('.');
        boolean ofLinear =
            dot > 0 && linears.containsKey(info.name().substring(0, dot) + ".weight");
        if (!ofLinear && !info.name().endsWith("_scale") && !stacks.contains(info.name())) {
          shapes.putIfAbsent(info.name(), info.shape());
        }
      }
      return shapes;
    }

    @Override
    public Tensor open(String name, Pass pass, Arena arena) {
      Linear linear = linears.get(name);
      if (linear == null) {
        return quantized.parameter(name, pass, arena);
      }
      LinearForm form = quantized.form(linear, pass, arena);
      boolean treated =
          form.input()
              .filter(input -> input.preScale().isPresent() || input.rotation().isPresent())
              .isPresent();
      if (treated || form.branch().isPresent()) {
        throw new ConfigException(
            linear.name()
                + " scales or rotates its input, or adds a product, at run time; llama.cpp has no"
                + " such step: choose another algorithm, or export the unquantized model");
      }
      return switch (form.weight()) {
        case LinearForm.Plain(Tensor tensor) -> tensor;
        case LinearForm.Quantized(QuantizedTensor codes, var second) -> {
          if (second.isPresent()) {
            throw new ConfigException(
                linear.name() + " is quantized twice, which GGUF has no form for");
          }
          Tensor values = Tensor.allocate(arena, DType.F32, codes.shape());
          pass.quantizer(codes.spec()).dequantize(codes, values);
          yield values;
        }
      };
    }

    @Override
    public boolean isOriginal() {
      return quantized.decisions().weights().isEmpty() && model.storedDecisions().isEmpty();
    }
  }
}
