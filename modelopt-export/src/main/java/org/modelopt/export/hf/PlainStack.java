package org.modelopt.export.hf;

import java.lang.foreign.Arena;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import org.modelopt.export.hf.ExpertStack.Part;
import org.modelopt.export.write.Piece;
import org.modelopt.export.write.Place;
import org.modelopt.job.LinearForm;
import org.modelopt.job.Pass;
import org.modelopt.job.Weights;
import org.modelopt.model.Linear;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;

/** A stack of experts without codes, {@code [experts, in, out]}: what their codes stand for. */
final class PlainStack {
  /** Inputs and outputs that are turned at a time: what they touch stays in the first cache. */
  private static final int TILE = 32;

  private PlainStack() {}

  /** The tensor of {@code stack} in F32, F16 or BF16. */
  static StackTensors of(ExpertStack stack, DType dtype) {
    Shape expert = Shape.of(stack.inFeatures(), stack.outFeatures());
    long bytes = expert.elements() * dtype.bits() / Byte.SIZE;
    SequencedMap<List<Linear>, List<Piece<List<LinearForm>>>> pieces = new LinkedHashMap<>();
    for (int e = 0; e < stack.experts().size(); e++) {
      List<Part> parts = stack.experts().get(e);
      pieces.put(
          parts.stream().map(Part::linear).toList(),
          List.of(
              new Piece<>(
                  new Place(0, stack.name(), e * bytes),
                  (forms, pass, arena) -> turned(parts, forms, expert, dtype, pass, arena))));
    }
    Shape all = Shape.of(stack.experts().size(), expert.dim(0), expert.dim(1));
    return new StackTensors(List.of(new TensorInfo(stack.name(), dtype, all)), pieces);
  }

  private static Tensor turned(
      List<Part> parts, List<LinearForm> forms, Shape shape, DType dtype, Pass pass, Arena arena) {
    Tensor result = Tensor.allocate(arena, dtype, shape);
    for (int p = 0; p < parts.size(); p++) {
      Tensor values = Weights.simulated(forms.get(p), pass, arena);
      turn(Weights.rounded(values, dtype, pass, arena), parts.get(p), result);
    }
    return result;
  }

  private static void turn(Tensor values, Part part, Tensor into) {
    long out = values.shape().dim(0);
    long in = values.shape().dim(1);
    long width = into.shape().dim(1);
    boolean wide = into.dtype().bits() == Integer.SIZE;
    for (long row = 0; row < out; row += TILE) {
      for (long column = 0; column < in; column += TILE) {
        for (long r = row; r < Math.min(out, row + TILE); r++) {
          for (long c = column; c < Math.min(in, column + TILE); c++) {
            long from = r * in + c;
            long to = c * width + part.first() + r * part.step();
            if (wide) {
              into.segment().set(Tensor.INT, 4 * to, values.segment().get(Tensor.INT, 4 * from));
            } else {
              into.segment()
                  .set(Tensor.SHORT, 2 * to, values.segment().get(Tensor.SHORT, 2 * from));
            }
          }
        }
      }
    }
  }
}
