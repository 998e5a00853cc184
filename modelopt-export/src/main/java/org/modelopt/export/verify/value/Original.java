package org.modelopt.export.verify.value;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.modelopt.error.CheckpointException;
import org.modelopt.safetensors.SafetensorsCheckpoint;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;

/**
 * The checkpoint that an export was made from: unquantized tensors in F32, F16 or BF16. Experts
 * that it stacks and the export does not appear one by one.
 */
public final class Original {
  private final SafetensorsCheckpoint checkpoint;
  private final ExpertStacks stacks;

  private Original(SafetensorsCheckpoint checkpoint, ExpertStacks stacks) {
    this.checkpoint = checkpoint;
    this.stacks = stacks;
  }

  /**
   * Opens a directory.
   *
   * @param export names of the export's tensors
   * @throws CheckpointException if it is no readable checkpoint, or is quantized itself
   */
  public static Original open(Path directory, Set<String> export) {
    SafetensorsCheckpoint checkpoint = SafetensorsCheckpoint.open(directory);
    for (TensorInfo info : checkpoint.tensors()) {
      if (isModelTensor(info.name()) && !info.dtype().isWideFloat()) {
        throw new CheckpointException(
            "%s: tensor %s is %s; compare with the unquantized checkpoint, in F32, F16 or BF16"
                .formatted(directory, info.name(), info.dtype()));
      }
    }
    return new Original(checkpoint, ExpertStacks.of(checkpoint.tensors(), export));
  }

  /** Rotary tables are computed, not loaded; old checkpoints carry them all the same. */
  private static boolean isModelTensor(String name) {
    return !name.contains("rotary_emb.");
  }

  /** Where it is. */
  public Path path() {
    return checkpoint.path();
  }

  /** The tensors that models load, in the order of the files. */
  public Collection<TensorInfo> tensors() {
    return checkpoint.tensors().stream()
        .filter(info -> isModelTensor(info.name()))
        .flatMap(info -> stacks.apart(info).stream())
        .toList();
  }

  /** Shapes of {@link #tensors()} by name. */
  public Map<String, Shape> shapes() {
    Map<String, Shape> shapes = new LinkedHashMap<>();
    tensors().forEach(info -> shapes.put(info.name(), info.shape()));
    return shapes;
  }

  /** The tensor called {@code name}, if there is one. */
  public Optional<TensorInfo> find(String name) {
    return stacks.find(name).or(() -> checkpoint.find(name));
  }

  /**
   * Maps a tensor, see {@link SafetensorsCheckpoint#open(String, Arena)}, or copies one expert's
   * part of a stack.
   */
  public Tensor open(String name, Arena arena) {
    return stacks
        .stackOf(name)
        .map(stack -> stacks.open(name, checkpoint.open(stack, arena), arena))
        .orElseGet(() -> checkpoint.open(name, arena));
  }
}
