package org.modelopt.export.hf;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.function.Function;
import org.modelopt.error.ConfigException;
import org.modelopt.export.hf.ExpertStack.Part;
import org.modelopt.export.write.Piece;
import org.modelopt.export.write.Place;
import org.modelopt.job.LinearForm;
import org.modelopt.model.Linear;
import org.modelopt.numeric.QuantizedTensor;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;

/**
 * A stack of experts in MXFP4: {@code _blocks} U8 {@code [experts, out, in / 32, 16]}, two E2M1
 * codes a byte with the first in the low half, and {@code _scales} U8 {@code [experts, out, in /
 * 32]}, E8M0. Rows stand where the columns of the unquantized stack stand.
 */
final class Mxfp4Stack {
  private static final int BLOCK = 32;
  private static final int BLOCK_BYTES = BLOCK / 2;

  private Mxfp4Stack() {}

  /**
   * The tensors of {@code stack}, whose linears all have MXFP4 codes.
   *
   * @throws ConfigException if inputs are no whole blocks
   */
  static StackTensors of(ExpertStack stack) {
    long in = stack.inFeatures();
    long out = stack.outFeatures();
    if (in % BLOCK != 0) {
      throw new ConfigException(
          "%s: has %d inputs, which are no whole blocks of %d; MXFP4 cannot hold them stacked"
              .formatted(stack.name(), in, BLOCK));
    }
    long groups = in / BLOCK;
    int experts = stack.experts().size();
    String blocks = stack.name() + "_blocks";
    String scales = stack.name() + "_scales";
    SequencedMap<List<Linear>, List<Piece<List<LinearForm>>>> pieces = new LinkedHashMap<>();
    for (int e = 0; e < experts; e++) {
      List<Part> parts = stack.experts().get(e);
      pieces.put(
          parts.stream().map(Part::linear).toList(),
          List.of(
              piece(
                  new Place(0, blocks, e * out * groups * BLOCK_BYTES),
                  parts,
                  Shape.of(out, groups * BLOCK_BYTES),
                  QuantizedTensor::codes),
              piece(
                  new Place(0, scales, e * out * groups),
                  parts,
                  Shape.of(out, groups),
                  codes -> codes.scales().values())));
    }
    return new StackTensors(
        List.of(
            new TensorInfo(blocks, DType.U8, Shape.of(experts, out, groups, BLOCK_BYTES)),
            new TensorInfo(scales, DType.U8, Shape.of(experts, out, groups))),
        pieces);
  }

  private static Piece<List<LinearForm>> piece(
      Place place, List<Part> parts, Shape shape, Function<QuantizedTensor, Tensor> source) {
    return new Piece<>(place, (forms, pass, arena) -> rows(parts, forms, shape, source, arena));
  }

  /** The bytes of all parts of an expert, each row in its place. */
  private static Tensor rows(
      List<Part> parts,
      List<LinearForm> forms,
      Shape shape,
      Function<QuantizedTensor, Tensor> source,
      Arena arena) {
    Tensor rows = Tensor.allocate(arena, DType.U8, shape);
    long bytes = shape.dim(1);
    for (int p = 0; p < parts.size(); p++) {
      Part part = parts.get(p);
      MemorySegment from = source.apply(forms.get(p).codes()).segment();
      for (long r = 0; r < part.linear().outFeatures(); r++) {
        long to = part.first() + r * part.step();
        MemorySegment.copy(from, r * bytes, rows.segment(), to * bytes, bytes);
      }
    }
    return rows;
  }
}
