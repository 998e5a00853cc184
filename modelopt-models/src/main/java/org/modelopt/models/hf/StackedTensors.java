package org.modelopt.models.hf;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.modelopt.models.decoder.TensorSlice;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;
import org.modelopt.tensor.TensorSource;

/**
 * The tensors of a checkpoint that stores all experts of a layer in one tensor, with a tensor for
 * each expert as other checkpoints have it. A slice is copied when it is opened, since its elements
 * do not stand side by side in the file.
 */
public final class StackedTensors implements TensorSource {
  /** Inputs and columns that are turned at a time: what they touch stays in the first cache. */
  private static final int TILE = 32;

  private final TensorSource stored;
  private final Map<String, TensorSlice> slices = new LinkedHashMap<>();
  private final List<TensorInfo> listed = new ArrayList<>();

  /**
   * A view of {@code stored}.
   *
   * @param stored holds the stacks of all {@code slices}, or holds them in another form, in which
   *     case they are neither listed nor found
   */
  public StackedTensors(TensorSource stored, List<TensorSlice> slices) {
    this.stored = stored;
    Set<String> replaced = new LinkedHashSet<>();
    for (TensorSlice slice : slices) {
      if (stored.find(slice.stack()).isPresent()) {
        this.slices.put(slice.name(), slice);
        if (slice.listed()) {
          replaced.add(slice.stack());
        }
      }
    }
    for (TensorInfo info : stored.tensors()) {
      if (!replaced.contains(info.name())) {
        listed.add(info);
      }
    }
    this.slices.values().stream()
        .filter(TensorSlice::listed)
        .forEach(slice -> listed.add(find(slice.name()).orElseThrow()));
  }

  @Override
  public Collection<TensorInfo> tensors() {
    return List.copyOf(listed);
  }

  @Override
  public Optional<TensorInfo> find(String name) {
    TensorSlice slice = slices.get(name);
    return slice == null
        ? stored.find(name)
        : stored
            .find(slice.stack())
            .map(stack -> new TensorInfo(name, stack.dtype(), slice.shape()));
  }

  @Override
  public Tensor open(String name, Arena arena) {
    TensorSlice slice = slices.get(name);
    if (slice == null) {
      return stored.open(name, arena);
    }
    try (Arena temporary = Arena.ofShared()) {
      return copy(slice, stored.open(slice.stack(), temporary), arena);
    }
  }

  private static Tensor copy(TensorSlice slice, Tensor stack, Arena arena) {
    Shape shape = stack.shape();
    long width = shape.dim(-1);
    long inputs = shape.rank() == 3 ? shape.dim(1) : 1;
    long bytes = stack.dtype().bits() / Byte.SIZE;
    Tensor result = Tensor.allocate(arena, stack.dtype(), slice.shape());
    long columns = slice.shape().dim(0);
    for (long input = 0; input < inputs; input += TILE) {
      for (long column = 0; column < columns; column += TILE) {
        long toInput = Math.min(inputs, input + TILE);
        long toColumn = Math.min(columns, column + TILE);
        for (long i = input; i < toInput; i++) {
          long row = ((slice.expert() * inputs + i) * width + slice.first()) * bytes;
          for (long c = column; c < toColumn; c++) {
            long source = row + c * slice.step() * bytes;
            long target = (c * inputs + i) * bytes;
            copy(stack.segment(), source, result.segment(), target, bytes);
          }
        }
      }
    }
    return result;
  }

  private static void copy(
      MemorySegment from, long source, MemorySegment to, long target, long bytes) {
    if (bytes == Short.BYTES) {
      to.set(Tensor.SHORT, target, from.get(Tensor.SHORT, source));
    } else {
      to.set(Tensor.INT, target, from.get(Tensor.INT, source));
    }
  }
}
