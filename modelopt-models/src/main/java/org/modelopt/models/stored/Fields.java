package org.modelopt.models.stored;

import java.lang.foreign.Arena;
import java.util.Optional;
import org.modelopt.error.CheckpointException;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;
import org.modelopt.tensor.TensorSource;

/** The tensors of one linear by their last names. */
final class Fields {
  private final TensorSource source;
  private final String module;

  Fields(TensorSource source, String module) {
    this.source = source;
    this.module = module;
  }

  String name(String field) {
    return module + "." + field;
  }

  Optional<TensorInfo> find(String field) {
    return source.find(name(field));
  }

  boolean has(String field, DType dtype) {
    return find(field).filter(info -> info.dtype() == dtype).isPresent();
  }

  boolean has(String field, DType dtype, Shape shape) {
    return find(field)
        .filter(info -> info.dtype() == dtype && info.shape().equals(shape))
        .isPresent();
  }

  /** One of F32, F16 and BF16. */
  boolean hasFloats(String field) {
    return find(field).filter(info -> info.dtype().isWideFloat()).isPresent();
  }

  Tensor open(String field, Arena arena) {
    return source.open(name(field), arena);
  }

  /** The values of a tensor of floats as F32 of another shape. */
  Tensor floats(String field, Shape shape, Arena arena) {
    try (Arena temporary = Arena.ofShared()) {
      return Tensor.ofFloats(arena, shape, open(field, temporary).toFloats());
    }
  }

  /** The value of a tensor of one element, a positive finite number. */
  float scalar(String field) {
    TensorInfo info =
        find(field)
            .orElseThrow(() ->
                new CheckpointException(
                    name(field) + " is missing; without it the codes beside it mean nothing"));
    if (!info.dtype().isWideFloat() || info.shape().elements() != 1) {
      throw new CheckpointException(
          "%s is %s %s, not one F32 value".formatted(name(field), info.dtype(), info.shape()));
    }
    try (Arena arena = Arena.ofConfined()) {
      float value = open(field, arena).getFloat(0);
      if (!(value > 0) || value == Float.POSITIVE_INFINITY) {
        throw new CheckpointException(
            name(field) + " is " + value + "; a scale is positive and finite");
      }
      return value;
    }
  }
}
