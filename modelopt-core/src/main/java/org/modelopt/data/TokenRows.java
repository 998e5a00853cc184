package org.modelopt.data;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.modelopt.error.CheckpointException;
import org.modelopt.error.DataException;
import org.modelopt.safetensors.SafetensorsFile;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;

/** Rows of token ids in a safetensors file. */
record TokenRows(Path file) implements SampleSource {
  private static final String IDS = "input_ids";
  private static final String MASK = "attention_mask";
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  @Override
  public String name() {
    return file.toString();
  }

  @Override
  public SampleSet read(SampleRequest request, Optional<TextEncoder> encoder) {
    if (!Files.exists(file)) {
      throw new DataException(file + " does not exist; check the path");
    }
    SampleCollector collector =
        new SampleCollector(
            name(),
            request.samples().orElse(Integer.MAX_VALUE),
            request
                .maxLength()
                .orElse(request.packed() ? CalibrationData.DEFAULT_MAX_LENGTH : Integer.MAX_VALUE),
            request);
    try (Arena arena = Arena.ofConfined()) {
      SafetensorsFile tensors = SafetensorsFile.open(file);
      Tensor ids = open(tensors, IDS, arena);
      Tensor mask = tensors.find(MASK).isPresent() ? open(tensors, MASK, arena) : null;
      if (mask != null && !mask.shape().equals(ids.shape())) {
        throw new DataException(
            "%s: %s is %s and %s is %s; they must have the same shape"
                .formatted(file, IDS, ids.shape(), MASK, mask.shape()));
      }
      for (long row = 0; row < ids.shape().dim(0) && !collector.isFull(); row++) {
        collector.add(row(ids, mask, row));
      }
    } catch (CheckpointException e) {
      throw new DataException("token rows cannot be read: " + e.getMessage(), e);
    }
    return collector.finish();
  }

  private Tensor open(SafetensorsFile tensors, String name, Arena arena) {
    TensorInfo info =
        tensors
            .find(name)
            .orElseThrow(() ->
                new DataException(
                    "%s has no tensor %s; its %d tensors begin with %s"
                        .formatted(
                            file,
                            name,
                            tensors.tensors().size(),
                            tensors.tensors().stream().map(TensorInfo::name).limit(5).toList())));
    boolean integers = info.dtype() == DType.I32 || info.dtype() == DType.I64;
    if (!integers || info.shape().rank() != 2) {
      throw new DataException(
          "%s: %s is %s %s but must be I32 or I64 [rows, tokens]"
              .formatted(file, name, info.dtype(), info.shape()));
    }
    return tensors.open(name, arena);
  }

  private int[] row(Tensor ids, @Nullable Tensor mask, long row) {
    int columns = Math.toIntExact(ids.shape().dim(1));
    int[] kept = new int[columns];
    int count = 0;
    for (int i = 0; i < columns; i++) {
      long index = row * columns + i;
      if (mask == null || element(mask, index) != 0) {
        long id = element(ids, index);
        if (id != (int) id || id < 0) {
          throw new DataException("%s: row %d holds %d, no token id".formatted(file, row, id));
        }
        kept[count++] = (int) id;
      }
    }
    return Arrays.copyOf(kept, count);
  }

  private static long element(Tensor tensor, long index) {
    return tensor.dtype() == DType.I64
        ? tensor.segment().get(LONG, index << 3)
        : tensor.segment().get(Tensor.INT, index << 2);
  }
}
