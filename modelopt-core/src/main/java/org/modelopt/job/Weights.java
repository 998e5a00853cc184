package org.modelopt.job;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import org.modelopt.decision.Codes;
import org.modelopt.decision.Decisions;
import org.modelopt.decision.LowRankBranch;
import org.modelopt.decision.Quantization;
import org.modelopt.decision.StoredScales;
import org.modelopt.decision.StoredTensor;
import org.modelopt.decision.WeightDecision;
import org.modelopt.decision.WeightQuantization;
import org.modelopt.model.Linear;
import org.modelopt.model.Model;
import org.modelopt.numeric.Matrix;
import org.modelopt.numeric.QuantizedTensor;
import org.modelopt.numeric.Quantizer;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.transform.Change;
import org.modelopt.transform.Changes;

/**
 * Applies decisions to the parameters of a model, one at a time. Simulation and every writer come
 * here, so that they agree bit for bit.
 */
public final class Weights {
  private static final long ELEMENTS_PER_TASK = 1 << 16;

  private Weights() {}

  /**
   * The weight {@code [out, in]} of {@code linear} on the host: F32, F16 or BF16 as stored, not
   * copied, or in F32 what stored codes stand for.
   *
   * @param arena owner of the result, unless it is loaded
   */
  public static Tensor open(Model model, Linear linear, Pass pass, Arena arena) {
    Optional<Tensor> loaded = pass.stored(linear);
    if (loaded.isPresent()) {
      return loaded.get();
    }
    Optional<QuantizedTensor> codes = model.storedCodes(linear, arena);
    if (codes.isEmpty()) {
      return model.tensors().open(linear.weightName(), arena);
    }
    Tensor values = dequantize(codes.get(), pass, arena);
    return model.storedSecond(linear).map(how -> again(values, how, pass, arena)).orElse(values);
  }

  /**
   * What becomes of {@code linear}.
   *
   * @param arena owner of the result; shared
   */
  public static LinearForm form(
      Model model, Linear linear, Decisions decisions, Pass pass, Arena arena) {
    Optional<WeightDecision> decided = decisions.weight(linear.name());
    List<Change> changes = decided.map(WeightDecision::changes).orElse(List.of());
    Optional<Tensor> bias =
        linear.hasBias()
            ? Optional.of(
                parameter(
                    model,
                    linear.biasName(),
                    changes.stream().filter(Weights::changesOutputs).toList(),
                    pass,
                    arena))
            : Optional.empty();
    Optional<LinearForm.Branch> branch =
        decided
            .flatMap(WeightDecision::branch)
            .map(stored ->
                new LinearForm.Branch(stored.down().open(arena), stored.up().open(arena)));
    return new LinearForm(
        weight(model, linear, decided, pass, arena), bias, branch, decisions.input(linear.name()));
  }

  private static boolean changesOutputs(Change change) {
    return switch (change) {
      case Change.ScaleRows _, Change.RotateRows _ -> true;
      case Change.ScaleColumns _, Change.RotateColumns _, Change.ScaleNorm _ -> false;
    };
  }

  private static LinearForm.Weight weight(
      Model model, Linear linear, Optional<WeightDecision> decided, Pass pass, Arena arena) {
    Optional<WeightQuantization> quantization = decided.flatMap(WeightDecision::quantization);
    if (quantization.isEmpty()) {
      Tensor weight = open(model, linear, pass, arena);
      List<Change> changes = decided.map(WeightDecision::changes).orElse(List.of());
      return new LinearForm.Plain(changed(weight, changes, weight.dtype(), pass, arena));
    }
    WeightQuantization how = quantization.get();
    if (how.codes() instanceof Codes.Given(StoredTensor codes, StoredScales scales)) {
      Tensor opened = codes.open(arena);
      return new LinearForm.Quantized(
          new QuantizedTensor(how.spec(), shape(linear), opened, scales.open(arena)), how.second());
    }
    try (Arena temporary = Arena.ofShared()) {
      Tensor weight = open(model, linear, pass, temporary);
      return new LinearForm.Quantized(
          quantize(toQuantize(weight, decided.get(), pass, temporary), how, pass, arena),
          how.second());
    }
  }

  private static Shape shape(Linear linear) {
    return Shape.of(linear.outFeatures(), linear.inFeatures());
  }

  /**
   * What the codes of a weight stand for as closely as they can: the weight with its changes, less
   * the branch. F32 unless there is nothing to do.
   */
  public static Tensor toQuantize(Tensor weight, WeightDecision decision, Pass pass, Arena arena) {
    Tensor changed =
        decision.changes().isEmpty()
            ? weight
            : Changes.apply(decision.changes(), weight, pass.backend().workers(), arena);
    return decision.branch().map(b -> lessBranch(changed, b, pass, arena)).orElse(changed);
  }

  private static Tensor lessBranch(Tensor weight, LowRankBranch branch, Pass pass, Arena arena) {
    Tensor up = branch.up().open(arena);
    Tensor down = branch.down().open(arena);
    return LowRank.subtract(weight, up, down, pass.backend().workers(), arena);
  }

  /** The codes of {@code weight}, which has its changes, by the rule or under given scales. */
  public static QuantizedTensor quantize(
      Tensor weight, WeightQuantization how, Pass pass, Arena arena) {
    Quantizer quantizer = pass.quantizer(how.spec()).with(how.conversion());
    return switch (how.codes()) {
      case Codes.ByRule(float globalScale) -> {
        QuantizedTensor into =
            QuantizedTensor.allocate(how.spec(), weight.shape(), globalScale, arena);
        quantizer.quantize(Matrix.of(weight), into);
        yield into;
      }
      case Codes.GivenScales(StoredScales scales) ->
          quantizer.quantize(weight, scales.open(arena), arena);
      case Codes.Given(StoredTensor codes, StoredScales scales) ->
          new QuantizedTensor(how.spec(), weight.shape(), codes.open(arena), scales.open(arena));
    };
  }

  /** The weight of a form as it takes part in a product; F32 if quantized. */
  public static Tensor simulated(LinearForm form, Pass pass, Arena arena) {
    return switch (form.weight()) {
      case LinearForm.Plain(Tensor tensor) -> tensor;
      case LinearForm.Quantized(QuantizedTensor codes, Optional<Quantization> second) -> {
        Tensor values = dequantize(codes, pass, arena);
        yield second.map(quantization -> again(values, quantization, pass, arena)).orElse(values);
      }
    };
  }

  private static Tensor again(Tensor values, Quantization second, Pass pass, Arena arena) {
    Quantizer quantizer = pass.quantizer(second.spec()).with(second.conversion());
    return dequantize(quantizer.quantize(values, second.scales(), arena), pass, arena);
  }

  /**
   * The stored tensor {@code name}, which is no weight of a linear, with the decided changes, in
   * its stored type.
   *
   * @param arena owner of the result; shared
   */
  public static Tensor parameter(
      Model model, String name, Decisions decisions, Pass pass, Arena arena) {
    return parameter(model, name, decisions.changes(name), pass, arena);
  }

  private static Tensor parameter(
      Model model, String name, List<Change> changes, Pass pass, Arena arena) {
    Tensor stored = model.tensors().open(name, arena);
    return changed(stored, changes, stored.dtype(), pass, arena);
  }

  private static Tensor changed(
      Tensor tensor, List<Change> changes, DType dtype, Pass pass, Arena arena) {
    if (changes.isEmpty()) {
      return tensor;
    }
    Tensor changed = Changes.apply(changes, tensor, pass.backend().workers(), arena);
    return rounded(changed, dtype, pass, arena);
  }

  /** A copy of a host tensor in another type, to nearest even. */
  public static Tensor rounded(Tensor tensor, DType dtype, Pass pass, Arena arena) {
    if (tensor.dtype() == dtype) {
      return tensor;
    }
    Tensor copy = Tensor.allocate(arena, dtype, tensor.shape());
    MemorySegment bytes = copy.segment();
    pass.backend()
        .workers()
        .forRange(
            tensor.shape().elements(),
            ELEMENTS_PER_TASK,
            (from, to) -> {
              for (long i = from; i < to; i++) {
                float value = tensor.getFloat(i);
                switch (dtype) {
                  case F32 -> bytes.set(Tensor.FLOAT, i << 2, value);
                  case F16 -> bytes.set(Tensor.SHORT, i << 1, Float.floatToFloat16(value));
                  case BF16 -> bytes.set(Tensor.SHORT, i << 1, bfloat16(value));
                  default -> throw new IllegalArgumentException("cannot round to " + dtype);
                }
              }
            });
    return copy;
  }

  /** Nearest bfloat16, ties to even; NaN stays NaN. */
  private static short bfloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (short) ((bits >>> 16) | 0x40);
    }
    return (short) ((bits + 0x7FFF + ((bits >>> 16) & 1)) >>> 16);
  }

  /** What {@code codes} stand for, in F32 on the host. */
  public static Tensor dequantize(QuantizedTensor codes, Pass pass, Arena arena) {
    Tensor values = Tensor.allocate(arena, DType.F32, codes.shape());
    pass.quantizer(codes.spec()).dequantize(codes, values);
    return values;
  }
}
