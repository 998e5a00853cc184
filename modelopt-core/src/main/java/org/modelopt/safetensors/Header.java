package org.modelopt.safetensors;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What the header of a file says.
 *
 * @param metadata entries of {@code __metadata__}, in a fixed order
 * @param tensors in the order of their bytes
 * @param dataStart first byte after the header
 * @param fileBytes size of the whole file
 */
record Header(
    Map<String, String> metadata, List<StoredTensor> tensors, long dataStart, long fileBytes) {
  /** The one key of a header that is no tensor's name. */
  static final String METADATA_KEY = "__metadata__";

  Header {
    metadata = Collections.unmodifiableMap(new LinkedHashMap<>(metadata));
    tensors = List.copyOf(tensors);
  }
}
