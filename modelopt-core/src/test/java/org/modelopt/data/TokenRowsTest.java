package org.modelopt.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.error.DataException;
import org.modelopt.safetensors.SafetensorsLayout;
import org.modelopt.safetensors.SafetensorsWriter;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;

class TokenRowsTest {
  @TempDir Path directory;

  /** A file with one tensor of the given elements: {@code int[]}, {@code long[]} or floats. */
  private CalibrationData file(String name, DType dtype, Shape shape, MemorySegment elements) {
    Path file = directory.resolve("rows.safetensors");
    SafetensorsLayout layout = SafetensorsLayout.of(List.of(new TensorInfo(name, dtype, shape)));
    try (SafetensorsWriter writer = SafetensorsWriter.create(file, layout)) {
      writer.write(name, elements);
      writer.finish();
    }
    return CalibrationData.tokenRows(file);
  }

  private CalibrationData ints(Shape shape, int... elements) {
    return file("input_ids", DType.I32, shape, MemorySegment.ofArray(elements));
  }

  private CalibrationData longs(Shape shape, long... elements) {
    return file("input_ids", DType.I64, shape, MemorySegment.ofArray(elements));
  }

  private static List<List<Integer>> rows(CalibrationData data) {
    return data.read(Optional.empty()).samples().stream()
        .map(sample -> Arrays.stream(sample.toInts()).boxed().toList())
        .toList();
  }

  private static String failure(CalibrationData data) {
    return assertThrows(DataException.class, () -> data.read(Optional.empty())).getMessage();
  }

  @Test
  void rowsAreSamplesAsTheyAre() {
    SampleSet set = ints(Shape.of(2, 3), 1, 2, 3, 4, 5, 0).read(Optional.empty());
    Tensor second = set.samples().get(1);
    assertEquals(DType.I32, second.dtype());
    assertEquals(Shape.of(3), second.shape());
    assertArrayEquals(new int[] {4, 5, 0}, second.toInts());
    assertEquals(2, set.read());
    assertEquals(0, set.skipped());
    assertEquals(6, set.tokens());
  }

  @Test
  void sixtyFourBitIdsThatFitAreTaken() {
    assertEquals(
        List.of(List.of(1, 2), List.of(3, Integer.MAX_VALUE)),
        rows(longs(Shape.of(2, 2), 1, 2, 3, Integer.MAX_VALUE)));
  }

  @Test
  void asManyRowsAreTakenAsAskedFor() {
    assertEquals(List.of(List.of(1, 2)), rows(ints(Shape.of(2, 2), 1, 2, 3, 4).samples(1)));
  }

  @Test
  void numbersThatAreNoTokenIdsAreRefused() {
    assertTrue(failure(ints(Shape.of(2, 2), 1, 2, 3, -1)).contains("row 1 holds -1"));
  }

  @Test
  void numbersBeyond32BitsAreRefused() {
    assertTrue(failure(longs(Shape.of(1, 2), 1, 1L << 32)).contains("row 0 holds 4294967296"));
  }

  @Test
  void anotherTypeOrRankIsRefused() {
    CalibrationData floats =
        file("input_ids", DType.F32, Shape.of(1, 2), MemorySegment.ofArray(new float[2]));
    assertTrue(failure(floats).contains("is F32 [1, 2] but must be I32 or I64 [rows, tokens]"));
  }

  @Test
  void aVectorOfIdsIsRefused() {
    assertTrue(failure(ints(Shape.of(2), 1, 2)).contains("is I32 [2] but must be"));
  }

  @Test
  void anAbsentTensorIsNamedWithSomeOfThoseThereAre() {
    CalibrationData other =
        file("ids", DType.I32, Shape.of(1, 2), MemorySegment.ofArray(new int[2]));
    assertTrue(failure(other).contains("has no tensor input_ids; its 1 tensors begin with [ids]"));
  }

  @Test
  void noRowsAndEmptyRowsAreNoData() {
    assertTrue(failure(ints(Shape.of(0, 4))).contains("is empty"));
  }

  @Test
  void anAbsentOrMalformedFileIsAFaultOfTheData() {
    CalibrationData absent = CalibrationData.tokenRows(directory.resolve("absent.safetensors"));
    assertTrue(failure(absent).contains("does not exist"));
    assertTrue(failure(CalibrationData.tokenRows(directory)).contains("token rows cannot be read"));
  }
}
