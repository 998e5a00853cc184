package org.modelopt.export.gguf.architecture;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.LongUnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.modelopt.error.CheckpointException;
import org.modelopt.export.gguf.architecture.PlannedTensor.Part;
import org.modelopt.export.gguf.architecture.PlannedTensor.Stored;
import org.modelopt.tensor.Shape;

/**
 * Says which rows of which stored tensors each tensor of a GGUF file has.
 *
 * <p>Every stored tensor must find a place: readers refuse files with a tensor too few or too many.
 */
public final class TensorPlanner {
  private static final Pattern QUERY_KEY =
      Pattern.compile(".*\\.self_attn\\.([qk])_proj\\.(?:weight|bias)");
  private static final Pattern LAYER = Pattern.compile("blk\\.(\\d+)\\..*");

  private final ModelShape shape;
  private final Map<String, Shape> stored;
  private final Map<String, String> sourceNames = new TreeMap<>();
  private final List<PlannedTensor> planned = new ArrayList<>();

  private TensorPlanner(ModelShape shape, Map<String, Shape> stored) {
    this.shape = shape;
    this.stored = stored;
  }

  /**
   * Plans all tensors, by layer and then by name.
   *
   * @param stored shapes of all weights of the checkpoint, by name, as if none was quantized
   * @throws CheckpointException if one is not known in this architecture, or does not fit it
   */
  public static List<PlannedTensor> plan(ModelShape shape, Map<String, Shape> stored) {
    return new TensorPlanner(shape, stored).run();
  }

  private List<PlannedTensor> run() {
    TensorNames names = new TensorNames(shape.architecture());
    for (String source : stored.keySet()) {
      TensorNames.inTextPart(source).ifPresent(name -> sourceNames.put(name, source));
    }
    ExpertPlanner experts = new ExpertPlanner(shape);
    List<String> unknown = new ArrayList<>();
    sourceNames.forEach((name, source) -> {
      if (isTiedHead(name) || experts.take(name, source, shapeOf(source))) {
        return;
      }
      Optional<String> target = names.of(name);
      if (target.isEmpty()) {
        unknown.add(source);
      } else {
        planned.add(one(target.get(), name, source));
      }
    });
    if (!unknown.isEmpty()) {
      throw new CheckpointException(
          "%s: %d tensors have no place in a GGUF file of architecture %s: %s"
              .formatted(
                  shape.config().file(),
                  unknown.size(),
                  shape.architecture().id(),
                  String.join(", ", unknown.subList(0, Math.min(5, unknown.size())))));
    }
    planned.addAll(experts.planned());
    planned.addAll(RotaryTensors.of(shape));
    planned.sort(
        Comparator.comparingInt((PlannedTensor t) -> layer(t.name()))
            .thenComparing(PlannedTensor::name));
    return List.copyOf(planned);
  }

  /** Number of the layer that a tensor belongs to, -1 for those outside all layers. */
  public static int layer(String name) {
    Matcher matcher = LAYER.matcher(name);
    return matcher.matches() ? Integer.parseInt(matcher.group(1)) : -1;
  }

  private Shape shapeOf(String source) {
    return java.util.Objects.requireNonNull(stored.get(source));
  }

  private boolean isTiedHead(String name) {
    return name.equals("lm_head.weight")
        && (shape.architecture().isAlwaysTied()
            || shape
                .config()
                .flag("tie_word_embeddings", shape.architecture().hasUnitOffsetNorms()));
  }

  private PlannedTensor one(String target, String name, String source) {
    Shape size = shapeOf(source);
    List<Long> extents = new ArrayList<>(size.dims().reversed());
    boolean vector = size.rank() == 1;
    long rows = vector ? 1 : size.rows();
    Matcher queryKey = QUERY_KEY.matcher(name);
    boolean permuted = shape.architecture().permutesRotary() && queryKey.matches();
    if (permuted) {
      int heads = queryKey.group(1).equals("q") ? shape.heads() : shape.keyValueHeads();
      if (size.dim(0) != (long) heads * shape.headSize()) {
        throw new CheckpointException(
            "%s: %s has %d rows, not %d heads of %d"
                .formatted(shape.config().file(), source, size.dim(0), heads, shape.headSize()));
      }
      rows = size.dim(0); // of a bias, one element each
    }
    LongUnaryOperator map = permuted ? rotaryOrder(shape.headSize()) : LongUnaryOperator.identity();
    boolean offset = shape.architecture().hasUnitOffsetNorms() && name.endsWith("norm.weight");
    return new PlannedTensor(
        target, extents, new Stored(List.of(Part.of(source, rows, map)), offset ? 1 : 0));
  }

  /**
   * Stored row of each row of q or k: within a head, row 2i + j is row j * size/2 + i of the two
   * halves that transformers rotates against each other.
   */
  static LongUnaryOperator rotaryOrder(int headSize) {
    int half = headSize / 2;
    return row -> {
      long head = row / headSize;
      long inHead = row % headSize;
      return head * headSize + (inHead % 2) * half + inHead / 2;
    };
  }
}
