package org.modelopt.export.verify.checkpoint;

import java.lang.foreign.Arena;
import org.modelopt.export.verify.report.Place;
import org.modelopt.safetensors.SafetensorsFile;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;

/**
 * A tensor of the export and the file that holds it.
 *
 * @param info name, type and shape
 * @param source the file
 */
public record ExportTensor(TensorInfo info, SafetensorsFile source) {
  /** Unique name. */
  public String name() {
    return info.name();
  }

  /** Type of the elements as stored. */
  public DType dtype() {
    return info.dtype();
  }

  /** Sizes along the axes. */
  public Shape shape() {
    return info.shape();
  }

  /** Name of the file within the export. */
  public String file() {
    return source.path().getFileName().toString();
  }

  /** Where to say that this tensor is. */
  public Place place() {
    return Place.tensor(name(), file());
  }

  /** Maps the bytes; see {@link SafetensorsFile#open(String, Arena)}. */
  public Tensor open(Arena arena) {
    return source.open(name(), arena);
  }

  /** Type and shape, for findings. */
  public String description() {
    return dtype() + " " + shape();
  }
}
