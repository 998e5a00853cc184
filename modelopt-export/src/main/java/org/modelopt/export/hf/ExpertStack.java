package org.modelopt.export.hf;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.function.Function;
import org.modelopt.error.ConfigException;
import org.modelopt.export.write.Piece;
import org.modelopt.export.write.Place;
import org.modelopt.job.LinearForm;
import org.modelopt.model.Linear;
import org.modelopt.models.decoder.TensorSlice;
import org.modelopt.numeric.QuantizedTensor;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;

/**
 * One weight of all experts of a layer in MXFP4: {@code _blocks} U8 {@code [experts, out, in / 32,
 * 16]}, two E2M1 codes a byte with the first in the low half, and {@code _scales} U8 {@code
 * [experts, out, in / 32]}, E8M0. Rows of linears that share a stack stand where their columns
 * stand in the unquantized one: those of gate and up alternate.
 *
 * @param name of the unquantized stack
 * @param experts the parts of each expert, by its number
 */
record ExpertStack(String name, List<List<Part>> experts) {
  private static final int BLOCK = 32;
  private static final int BLOCK_BYTES = BLOCK / 2;

  /**
   * A linear and its rows.
   *
   * @param linear the linear
   * @param first row of the stack that its first one becomes
   * @param step distance of its rows there
   */
  record Part(Linear linear, int first, int step) {}

  /**
   * The stacks that {@code linears} are parts of.
   *
   * @param slices of the model
   * @param linears by name of their weights; those of other slices are left out
   * @throws ConfigException if one has inputs that are no whole blocks
   */
  static List<ExpertStack> of(List<TensorSlice> slices, Map<String, Linear> linears) {
    SequencedMap<String, List<List<Part>>> stacks = new LinkedHashMap<>();
    for (TensorSlice slice : slices) {
      Linear linear = linears.get(slice.name());
      if (linear == null) {
        continue;
      }
      if (linear.inFeatures() % BLOCK != 0) {
        throw new ConfigException(
            "%s: has %d inputs, which are no whole blocks of %d; MXFP4 cannot hold them stacked"
                .formatted(linear.name(), linear.inFeatures(), BLOCK));
      }
      List<List<Part>> experts = stacks.computeIfAbsent(slice.stack(), key -> new ArrayList<>());
      while (experts.size() <= slice.expert()) {
        experts.add(new ArrayList<>());
      }
      experts.get(slice.expert()).add(new Part(linear, slice.first(), slice.step()));
    }
    return stacks.entrySet().stream()
        .map(entry -> new ExpertStack(entry.getKey(), entry.getValue()))
        .toList();
  }

  private long inFeatures() {
    return experts.getFirst().getFirst().linear().inFeatures();
  }

  private long outFeatures() {
    return experts.getFirst().stream().mapToLong(part -> part.linear().outFeatures()).sum();
  }

  private String blocks() {
    return name + "_blocks";
  }

  private String scales() {
    return name + "_scales";
  }

  /** The stored tensors. */
  List<TensorInfo> infos() {
    long groups = inFeatures() / BLOCK;
    return List.of(
        new TensorInfo(
            blocks(), DType.U8, Shape.of(experts.size(), outFeatures(), groups, BLOCK_BYTES)),
        new TensorInfo(scales(), DType.U8, Shape.of(experts.size(), outFeatures(), groups)));
  }

  /** What is written for the linears of each expert. */
  SequencedMap<List<Linear>, List<Piece<List<LinearForm>>>> pieces() {
    long groups = inFeatures() / BLOCK;
    SequencedMap<List<Linear>, List<Piece<List<LinearForm>>>> pieces = new LinkedHashMap<>();
    for (int e = 0; e < experts.size(); e++) {
      List<Part> parts = experts.get(e);
      pieces.put(
          parts.stream().map(Part::linear).toList(),
          List.of(
              piece(blocks(), e, parts, groups * BLOCK_BYTES, QuantizedTensor::codes),
              piece(scales(), e, parts, groups, codes -> codes.scales().values())));
    }
    return pieces;
  }

  private Piece<List<LinearForm>> piece(
      String tensor,
      int expert,
      List<Part> parts,
      long rowBytes,
      Function<QuantizedTensor, Tensor> source) {
    return new Piece<>(
        new Place(0, tensor, expert * outFeatures() * rowBytes),
        (forms, pass, arena) -> rows(parts, forms, rowBytes, source, arena));
  }

  /** The bytes of all parts of an expert, each row in its place. */
  private Tensor rows(
      List<Part> parts,
      List<LinearForm> forms,
      long rowBytes,
      Function<QuantizedTensor, Tensor> source,
      Arena arena) {
    Tensor rows = Tensor.allocate(arena, DType.U8, Shape.of(outFeatures(), rowBytes));
    for (int p = 0; p < parts.size(); p++) {
      Part part = parts.get(p);
      MemorySegment from = source.apply(forms.get(p).codes()).segment();
      for (long r = 0; r < part.linear().outFeatures(); r++) {
        long to = part.first() + r * part.step();
        MemorySegment.copy(from, r * rowBytes, rows.segment(), to * rowBytes, rowBytes);
      }
    }
    return rows;
  }
}
