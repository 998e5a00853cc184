package org.modelopt.safetensors;

import static org.modelopt.safetensors.Figures.grouped;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.modelopt.error.ExportException;
import org.modelopt.tensor.TensorInfo;

/**
 * Where everything goes in a file to be written: a header and the place of each tensor.
 *
 * <p>Header and order are those of the reference writer, byte for byte: tensors by descending
 * alignment of their type and then by name, compact JSON, padded with spaces to a multiple of 8.
 * Metadata keys are in code point order (the reference's is random).
 *
 * <p>Source: safetensors, {@code safetensors/src/tensor.rs}, {@code prepare}.
 */
public final class SafetensorsLayout {
  /** What other readers expect of a file with weights: {@code format} is {@code pt}. */
  public static final Map<String, String> PYTORCH_METADATA = Map.of("format", "pt");

  private static final int ALIGNMENT = 8;

  // DType declares its constants by ascending alignment, as the reference does.
  private static final Comparator<TensorInfo> REFERENCE_ORDER =
      Comparator.comparing(TensorInfo::dtype)
          .reversed()
          .thenComparing(TensorInfo::name, JsonText.CODE_POINT_ORDER);

  private final byte[] head;
  private final List<StoredTensor> tensors;

  private SafetensorsLayout(byte[] head, List<StoredTensor> tensors) {
    this.head = head;
    this.tensors = List.copyOf(tensors);
  }

  /** A layout with {@link #PYTORCH_METADATA}; see {@link #of(Collection, Map)}. */
  public static SafetensorsLayout of(Collection<TensorInfo> tensors) {
    return of(tensors, PYTORCH_METADATA);
  }

  /**
   * The layout of a file with these tensors, whatever order they are given in.
   *
   * @param metadata entries of {@code __metadata__}; if there are none the key is left out, because
   *     some readers fail on an empty one
   * @throws IllegalArgumentException if a name occurs twice, is the metadata key, or has no UTF-8
   *     form
   * @throws ExportException if the header would exceed 100,000,000 bytes
   */
  public static SafetensorsLayout of(Collection<TensorInfo> tensors, Map<String, String> metadata) {
    List<TensorInfo> ordered = tensors.stream().sorted(REFERENCE_ORDER).toList();
    checkNames(ordered);
    byte[] head = head(ordered, metadata);
    List<StoredTensor> stored = new ArrayList<>(ordered.size());
    long offset = head.length;
    for (TensorInfo tensor : ordered) {
      stored.add(new StoredTensor(tensor, offset));
      offset = Math.addExact(offset, tensor.byteSize());
    }
    return new SafetensorsLayout(head, stored);
  }

  private static void checkNames(List<TensorInfo> tensors) {
    Set<String> seen = new HashSet<>();
    for (TensorInfo tensor : tensors) {
      String name = tensor.name();
      if (name.equals(Header.METADATA_KEY)) {
        throw new IllegalArgumentException("a tensor cannot be called " + name);
      }
      checkText(name);
      if (!seen.add(name)) {
        throw new IllegalArgumentException("two tensors are called " + JsonText.quote(name));
      }
    }
  }

  private static void checkText(String text) {
    if (!JsonText.isWellFormed(text)) {
      throw new IllegalArgumentException(
          JsonText.quote(text) + " has half of a surrogate pair and no UTF-8 form");
    }
  }

  private static byte[] head(List<TensorInfo> tensors, Map<String, String> metadata) {
    StringBuilder json = new StringBuilder("{");
    if (!metadata.isEmpty()) {
      appendMetadata(json, metadata);
    }
    long offset = 0;
    for (TensorInfo tensor : tensors) {
      if (json.length() > 1) {
        json.append(',');
      }
      long end = Math.addExact(offset, tensor.byteSize());
      JsonText.appendQuoted(json, tensor.name());
      json.append(":{\"dtype\":\"").append(tensor.dtype().name()).append("\",\"shape\":[");
      for (int axis = 0; axis < tensor.shape().rank(); axis++) {
        json.append(axis == 0 ? "" : ",").append(tensor.shape().dim(axis));
      }
      json.append("],\"data_offsets\":[").append(offset).append(',').append(end).append("]}");
      offset = end;
      checkHeaderSize(json.length());
    }
    byte[] text = json.append('}').toString().getBytes(StandardCharsets.UTF_8);
    int padded = Math.ceilDiv(text.length, ALIGNMENT) * ALIGNMENT;
    checkHeaderSize(padded);
    ByteBuffer head =
        ByteBuffer.allocate(Long.BYTES + padded).order(ByteOrder.LITTLE_ENDIAN).putLong(padded);
    head.put(text);
    while (head.hasRemaining()) {
      head.put((byte) ' ');
    }
    return head.array();
  }

  private static void appendMetadata(StringBuilder json, Map<String, String> metadata) {
    JsonText.appendQuoted(json, Header.METADATA_KEY);
    Map<String, String> ordered = new TreeMap<>(JsonText.CODE_POINT_ORDER);
    ordered.putAll(metadata);
    char separator = '{';
    json.append(':');
    for (Map.Entry<String, String> entry : ordered.entrySet()) {
      checkText(entry.getKey());
      checkText(entry.getValue());
      json.append(separator);
      JsonText.appendQuoted(json, entry.getKey());
      json.append(':');
      JsonText.appendQuoted(json, entry.getValue());
      separator = ',';
    }
    json.append('}');
  }

  private static void checkHeaderSize(long bytes) {
    if (bytes > StrictJson.MAX_BYTES) {
      throw new ExportException(
          "the header would exceed the "
              + grouped(StrictJson.MAX_BYTES)
              + " bytes that the format allows; write several smaller shards");
    }
  }

  /** All tensors in the order of their bytes. */
  public List<StoredTensor> tensors() {
    return tensors;
  }

  /** Size of the whole file in bytes. */
  public long byteSize() {
    return tensors.isEmpty() ? head.length : tensors.getLast().end();
  }

  /** Header length and header: what comes before the first tensor. */
  ByteBuffer head() {
    return ByteBuffer.wrap(head).asReadOnlyBuffer();
  }
}
