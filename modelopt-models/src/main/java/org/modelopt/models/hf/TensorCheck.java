package org.modelopt.models.hf;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.modelopt.error.CheckpointException;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.TensorInfo;
import org.modelopt.tensor.TensorSource;

/** Compares the tensors of a checkpoint with those its config.json calls for. */
public final class TensorCheck {
  /** Names that messages spell out; of more only the number is said. */
  private static final int SPELLED_OUT = 8;

  /** Rotary frequencies, which older checkpoints store and nobody reads. */
  private static final Pattern ROTARY_BUFFER = Pattern.compile(".*\\.rotary_emb\\.inv_freq");

  private final Path directory;
  private final TensorSource source;
  private final Map<String, Shape> expected;

  private TensorCheck(Path directory, TensorSource source, Map<String, Shape> expected) {
    this.directory = directory;
    this.source = source;
    this.expected = expected;
  }

  /**
   * Checks that the tensors of {@code expected} are there with their shapes and in F32, F16 or
   * BF16, and that there are no others.
   *
   * @param ignored tensors that may be there without being expected
   * @throws CheckpointException with all that is wrong of the first kind: missing, shape, type,
   *     extra
   */
  public static void run(
      Path directory, TensorSource source, Map<String, Shape> expected, Set<String> ignored) {
    TensorCheck check = new TensorCheck(directory, source, expected);
    check.missing();
    check.shapes();
    check.types();
    check.extra(ignored);
  }

  private void missing() {
    complain(
        "lacks %d of the %d tensors that config.json calls for: %s; the checkpoint is incomplete or"
            + " config.json belongs to another",
        expected.keySet().stream().filter(name -> source.find(name).isEmpty()).toList());
  }

  private void shapes() {
    List<String> wrong = new ArrayList<>();
    expected.forEach((name, shape) -> {
      Shape found = source.find(name).orElseThrow().shape();
      if (!found.equals(shape)) {
        wrong.add("%s is %s, not %s".formatted(name, found, shape));
      }
    });
    complain(
        "has %d of %d tensors in another shape than config.json says: %s; config.json belongs to"
            + " another checkpoint",
        wrong);
  }

  private void types() {
    complain(
        "has %d of %d tensors that are not F32, F16 or BF16: %s; start from the unquantized"
            + " checkpoint",
        expected.keySet().stream()
            .map(name -> source.find(name).orElseThrow())
            .filter(info -> !info.dtype().isWideFloat())
            .map(info -> info.name() + " is " + info.dtype())
            .toList());
  }

  private void extra(Set<String> ignored) {
    complain(
        "has %d tensors besides the %d that config.json calls for: %s; they would be lost, so this"
            + " is not a checkpoint of this architecture or not of this configuration",
        source.tensors().stream()
            .map(TensorInfo::name)
            .filter(name -> !expected.containsKey(name))
            .filter(name -> !ROTARY_BUFFER.matcher(name).matches())
            .filter(name -> !ignored.contains(name))
            .toList());
  }

  private void complain(String format, List<String> wrong) {
    if (!wrong.isEmpty()) {
      String names = String.join(", ", wrong.subList(0, Math.min(SPELLED_OUT, wrong.size())));
      String more =
          wrong.size() > SPELLED_OUT ? " and %d more".formatted(wrong.size() - SPELLED_OUT) : "";
      throw new CheckpointException(
          directory + " " + format.formatted(wrong.size(), expected.size(), names + more));
    }
  }
}
