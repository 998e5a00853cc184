package org.modelopt.model;

import java.lang.foreign.Arena;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.modelopt.compute.Backend;
import org.modelopt.compute.Precision;
import org.modelopt.compute.Scope;
import org.modelopt.data.CalibrationData;
import org.modelopt.data.TextEncoder;
import org.modelopt.decision.Decisions;
import org.modelopt.decision.Quantization;
import org.modelopt.numeric.QuantizedTensor;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorSource;

/**
 * A network as a sequence of layers over named tensors. Opening a model reads no weights. A model
 * is used by one thread at a time.
 */
public interface Model extends AutoCloseable {
  /** Short name for messages and reports, usually that of the directory. */
  String name();

  /**
   * All layers in order of execution. The last layers may be the output head; a calibration stops
   * after the last layer that has something to observe.
   */
  List<Layer> layers();

  /** The stored tensors. */
  TensorSource tensors();

  /**
   * Input of the first layer for one sample.
   *
   * @param sample a host tensor as {@link CalibrationData} gives it: I32 {@code [t]} token ids, or
   *     F32 {@code [t, features]}
   * @return activations {@code [t, c]} in {@code scope}, of the precision's type
   */
  Tensor input(Tensor sample, Precision precision, Backend backend, Scope scope);

  /** Type of this model's weights as stored, for which {@link Precision} stands. */
  Precision storedPrecision();

  /** What turns text into samples, if this is a language model with a tokenizer. */
  default Optional<TextEncoder> textEncoder() {
    return Optional.empty();
  }

  /** Data for calibration when the caller gives none. */
  default Optional<CalibrationData> bundledCalibrationData() {
    return Optional.empty();
  }

  /**
   * The weight of {@code linear} as codes and scales, where the source is a quantized checkpoint
   * and holds it so.
   *
   * @param arena owner of the codes' memory
   */
  default Optional<QuantizedTensor> storedCodes(Linear linear, Arena arena) {
    return Optional.empty();
  }

  /**
   * A quantization of what the stored codes of {@code linear} stand for, where the source keeps one
   * for kernels that compute in it (FP8 after INT4).
   */
  default Optional<Quantization> storedSecond(Linear linear) {
    return Optional.empty();
  }

  /**
   * What else is quantized already, where the source is a quantized checkpoint: inputs and caches
   * that a forward pass has to simulate, and products of low rank beside weights. Codes do not
   * appear, see {@link #storedCodes}.
   */
  default Optional<Decisions> storedDecisions() {
    return Optional.empty();
  }

  /** All linears in order of execution. */
  default Stream<Linear> linears() {
    return layers().stream()
        .flatMap(layer -> layer.inputGroups().stream())
        .flatMap(group -> group.linears().stream());
  }

  @Override
  void close();
}
