package org.modelopt.safetensors;

import org.modelopt.tensor.TensorInfo;

/**
 * A tensor and where its bytes are in a file.
 *
 * @param info name, type and shape
 * @param offset first byte, counted from the start of the file
 */
public record StoredTensor(TensorInfo info, long offset) {
  /** Size in bytes. */
  public long byteSize() {
    return info.byteSize();
  }

  /** The byte after the last one, counted from the start of the file. */
  public long end() {
    return offset + byteSize();
  }
}
