package org.modelopt.safetensors;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_16LE;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.params.provider.Arguments.argumentSet;
import static org.modelopt.safetensors.RawFiles.bytes;
import static org.modelopt.safetensors.RawFiles.tensor;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.modelopt.error.CheckpointException;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;

class SafetensorsFileTest {
  private static final String PAIR = tensor("a", "I32", "[2]", "[0,8]");

  @TempDir Path directory;

  private SafetensorsFile open(byte[] content) {
    return SafetensorsFile.open(RawFiles.write(directory, "model.safetensors", content));
  }

  private SafetensorsFile open(String header, int dataBytes) {
    return open(bytes(header, dataBytes));
  }

  /** Every malformed case of the reference implementation's own tests, and more. */
  static Stream<Arguments> malformed() {
    String tenNames =
        IntStream.range(0, 10)
            .mapToObj(i -> tensor("t" + i, "I32", "[4]", "[0,16]"))
            .collect(Collectors.joining(",", "{", "}"));
    String pair = "{" + PAIR + "}";
    return Stream.of(
        // The reference implementation's cases.
        argumentSet("an empty file", new byte[0], "has 0 bytes"),
        argumentSet("seven bytes", new byte[7], "has 7 bytes"),
        argumentSet(
            "a header above 100 MB",
            bytes(0xFFFFFF000000003CL, new byte[16]),
            "header of 18446742974197923900 bytes, more than the 100,000,000"),
        argumentSet(
            "a header one byte above 100 MB",
            bytes(100_000_001, new byte[16]),
            "header of 100000001 bytes"),
        argumentSet(
            "a header longer than the file",
            bytes(60, new byte[8]),
            "the header ends at byte 68 but the file has 16 bytes; the download is incomplete"),
        argumentSet("a header that is not UTF-8", bytes(1, (byte) 0xFF), "is not UTF-8"),
        argumentSet("an unclosed brace", bytes(1, (byte) '{'), "is not valid JSON"),
        argumentSet("ten names over one range", bytes(tenNames, 16), "inside the tensor before it"),
        argumentSet(
            "bytes after the last tensor",
            bytes(pair, 11),
            "has 73 bytes; 3 bytes belong to no tensor"),
        argumentSet(
            "data two bytes short",
            bytes(pair, 6),
            "tensor \"a\" ends at byte 70 but the file has 68 bytes; the download is incomplete"),
        argumentSet(
            "offsets that span too little",
            bytes("{" + tensor("a", "I32", "[2,2]", "[0,4]") + "}", 16),
            "is I32 [2, 2] and needs 16 bytes, but its data_offsets 0 to 4 span 4"),
        argumentSet(
            "a shape whose product overflows",
            bytes("{" + tensor("a", "I32", "[2,18446744073709551614]", "[0,8]") + "}", 8),
            "found 18446744073709551614, expected a number below 2^63"),
        argumentSet(
            "a shape whose elements overflow",
            bytes("{" + tensor("a", "U8", "[2,9223372036854775807]", "[0,8]") + "}", 8),
            "more than 2^63 elements"),
        argumentSet(
            "a shape whose bits overflow",
            bytes("{" + tensor("a", "I32", "[9223372036854775807]", "[0,8]") + "}", 8),
            "whose bits exceed 2^63"),
        argumentSet(
            "an odd number of 4-bit elements",
            bytes("{" + tensor("a", "F4", "[3]", "[0,2]") + "}", 2),
            "do not fill whole bytes"),
        argumentSet(
            "offsets beyond 2^63 with the header before them",
            bytes(
                "{"
                    + tensor("a", "U8", "[1152921504606846975]", "[0,1152921504606846975]")
                    + ","
                    + tensor(
                        "b",
                        "U8",
                        "[1152921504606846975]",
                        "[1152921504606846975,2305843009213693950]")
                    + "}",
                0),
            "ends at byte 1,152,921,504,606,847,1"),
        // More.
        argumentSet(
            "a negative dimension",
            bytes("{" + tensor("a", "I32", "[-2]", "[0,8]") + "}", 8),
            "found -2, expected a number that is not negative"),
        argumentSet(
            "minus zero",
            bytes("{" + tensor("a", "I32", "[2]", "[-0,8]") + "}", 8),
            "found -0, expected"),
        argumentSet(
            "a fractional dimension",
            bytes("{" + tensor("a", "I32", "[2.0]", "[0,8]") + "}", 8),
            "found 2.0, expected a whole number"),
        argumentSet(
            "a dimension with an exponent",
            bytes("{" + tensor("a", "I32", "[2e0]", "[0,8]") + "}", 8),
            "found 2e0, expected a whole number"),
        argumentSet(
            "a dimension in quotes",
            bytes("{" + tensor("a", "I32", "[\"2\"]", "[0,8]") + "}", 8),
            "found 2, expected a whole number"),
        argumentSet(
            "a dimension with a leading zero",
            bytes("{" + tensor("a", "I32", "[02]", "[0,8]") + "}", 8),
            "is not valid JSON"),
        argumentSet(
            "a number of 2,000 digits",
            bytes("{" + tensor("a", "I32", "[" + "1".repeat(2000) + "]", "[0,8]") + "}", 8),
            "is not valid JSON"),
        argumentSet(
            "an unknown dtype",
            bytes("{" + tensor("a", "I33", "[2]", "[0,8]") + "}", 8),
            "unknown dtype \"I33\""),
        argumentSet(
            "a dtype in lower case",
            bytes("{" + tensor("a", "i32", "[2]", "[0,8]") + "}", 8),
            "unknown dtype \"i32\""),
        argumentSet(
            "a tensor that ends before it begins",
            bytes("{" + tensor("a", "I32", "[2]", "[8,0]") + "}", 8),
            "begins at data byte 8 but ends at 0"),
        argumentSet(
            "one offset",
            bytes("{" + tensor("a", "I32", "[2]", "[0]") + "}", 8),
            "has 1 data_offsets"),
        argumentSet(
            "three offsets",
            bytes("{" + tensor("a", "I32", "[2]", "[0,8,8]") + "}", 8),
            "has 3 data_offsets"),
        argumentSet(
            "a name twice", bytes("{" + PAIR + "," + PAIR + "}", 8), "Duplicate Object property"),
        argumentSet(
            "a name twice, once escaped",
            bytes("{" + PAIR + "," + tensor("\\u0061", "I32", "[2]", "[8,16]") + "}", 16),
            "Duplicate Object property"),
        argumentSet(
            "a field twice",
            bytes(
                "{\"a\":{\"dtype\":\"I32\",\"dtype\":\"I32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
                8),
            "Duplicate Object property"),
        argumentSet(
            "metadata twice",
            bytes("{\"__metadata__\":{},\"__metadata__\":{}," + PAIR + "}", 8),
            "Duplicate Object property"),
        argumentSet(
            "metadata that is a number",
            bytes("{\"__metadata__\":{\"a\":1}," + PAIR + "}", 8),
            "found 1, expected a string"),
        argumentSet(
            "metadata that is an object",
            bytes("{\"__metadata__\":{\"a\":{}}," + PAIR + "}", 8),
            "expected a string"),
        argumentSet(
            "metadata that is null inside",
            bytes("{\"__metadata__\":{\"a\":null}," + PAIR + "}", 8),
            "found null, expected a string"),
        argumentSet(
            "metadata that is an array",
            bytes("{\"__metadata__\":[]," + PAIR + "}", 8),
            "expected an object"),
        argumentSet(
            "a tensor called __metadata__",
            bytes("{" + tensor("__metadata__", "I32", "[2]", "[0,8]") + "}", 8),
            "expected a string"),
        argumentSet(
            "a first tensor that does not begin at 0",
            bytes("{" + tensor("a", "I32", "[2]", "[4,12]") + "}", 12),
            "4 bytes belong to no tensor"),
        argumentSet(
            "a hole between tensors",
            bytes("{" + PAIR + "," + tensor("b", "I32", "[2]", "[12,20]") + "}", 20),
            "tensor \"b\" begins at data byte 12, but the data before it ends at 8"),
        argumentSet(
            "overlapping tensors",
            bytes("{" + PAIR + "," + tensor("b", "I32", "[2]", "[4,12]") + "}", 12),
            "tensor \"b\" begins at data byte 4, inside the tensor before it, which ends at 8"),
        argumentSet(
            "an empty tensor inside another",
            bytes("{" + PAIR + "," + tensor("z", "I32", "[0]", "[4,4]") + "}", 8),
            "inside the tensor before it"),
        argumentSet("data without tensors", bytes("{}", 1), "1 bytes belong to no tensor"),
        argumentSet("an array for a header", bytes("[]", 0), "expected an object"),
        argumentSet("blanks for a header", bytes("  ", 0), "found the end, expected an object"),
        argumentSet("no header", bytes("", 0), "found the end, expected an object"),
        argumentSet("null for a header", bytes("null", 0), "expected an object"),
        argumentSet(
            "null for a tensor", bytes("{\"a\":null}", 0), "found null, expected an object"),
        argumentSet(
            "an array for a tensor", bytes("{\"a\":[\"I32\",[2],[0,8]]}", 8), "expected an object"),
        argumentSet(
            "no dtype", bytes("{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8), "has no dtype"),
        argumentSet(
            "no shape",
            bytes("{\"a\":{\"dtype\":\"I32\",\"data_offsets\":[0,8]}}", 8),
            "has no shape"),
        argumentSet(
            "no offsets",
            bytes("{\"a\":{\"dtype\":\"I32\",\"shape\":[2]}}", 8),
            "has no data_offsets"),
        argumentSet("a second object", bytes(pair + "{}", 8), "there is more after"),
        argumentSet("a zero byte after the header", bytes(pair + "\0", 8), "not valid JSON"),
        argumentSet("a trailing comma", bytes("{" + PAIR + ",}", 8), "not valid JSON"),
        argumentSet("a comment", bytes("{/**/" + PAIR + "}", 8), "not valid JSON"),
        argumentSet("a byte order mark", bytes("\uFEFF" + pair, 8), "not valid JSON"),
        argumentSet("UTF-16", bytes(pair.getBytes(UTF_16LE), 8), "not valid JSON"),
        argumentSet(
            "Latin-1",
            bytes(("{" + tensor("\u00e9", "I32", "[2]", "[0,8]") + "}").getBytes(ISO_8859_1), 8),
            "is not UTF-8"),
        argumentSet(
            "an overlong UTF-8 form",
            bytes(
                ("{" + tensor("\u00c1\u00a1", "I32", "[2]", "[0,8]") + "}").getBytes(ISO_8859_1),
                8),
            "is not UTF-8"),
        argumentSet(
            "a surrogate in UTF-8",
            bytes(
                ("{" + tensor("\u00ed\u00a0\u0080", "I32", "[2]", "[0,8]") + "}")
                    .getBytes(ISO_8859_1),
                8),
            "is not UTF-8"),
        argumentSet(
            "the first half of a surrogate pair",
            bytes("{" + tensor("\\ud800", "I32", "[2]", "[0,8]") + "}", 8),
            "surrogate"),
        argumentSet(
            "the second half of a surrogate pair",
            bytes("{" + tensor("\\udc00", "I32", "[2]", "[0,8]") + "}", 8),
            "surrogate"),
        argumentSet(
            "a line end inside a name",
            bytes("{" + tensor("a\nb", "I32", "[2]", "[0,8]") + "}", 8),
            "not valid JSON"),
        argumentSet(
            "arrays within arrays without end",
            bytes("{\"a\":{\"x\":" + "[".repeat(100_000), 8),
            "not valid JSON"));
  }

  @ParameterizedTest
  @MethodSource("malformed")
  void malformedFilesAreRefusedWithFilePlaceAndReason(byte[] content, String reason) {
    CheckpointException e = assertThrows(CheckpointException.class, () -> open(content));
    String message = e.getMessage();
    assertTrue(message.startsWith(directory.resolve("model.safetensors") + ": "), message);
    assertTrue(message.contains(reason), message);
  }

  static Stream<Arguments> otherFiles() {
    return Stream.of(
        argumentSet("git lfs", "version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        argumentSet("html", "<!DOCTYPE html><html>", "the download failed"),
        argumentSet("zip", "PK\003\004\024\000\000\000\010\000", "convert it to safetensors"),
        argumentSet("gguf", "GGUF\003\000\000\000\001\000\000\000", "this is a GGUF file"));
  }

  @ParameterizedTest
  @MethodSource("otherFiles")
  void filesOfOtherKindsAreCalledByTheirName(String content, String hint) {
    CheckpointException e =
        assertThrows(CheckpointException.class, () -> open(content.getBytes(ISO_8859_1)));
    assertTrue(e.getMessage().contains(hint), e.getMessage());
  }

  @Test
  void longNamesAreCutInMessages() {
    String name = "n".repeat(10_000);
    CheckpointException e =
        assertThrows(
            CheckpointException.class,
            () -> open("{" + tensor(name, "I33", "[2]", "[0,8]") + "}", 8));
    assertTrue(e.getMessage().contains("... (10000 characters)"), e.getMessage());
    assertTrue(e.getMessage().length() < 1000, e.getMessage());
  }

  @Test
  void aMissingFileAndADirectoryAreNamed() {
    Path absent = directory.resolve("absent.safetensors");
    CheckpointException missing =
        assertThrows(CheckpointException.class, () -> SafetensorsFile.open(absent));
    assertEquals(absent + ": no such file", missing.getMessage());
    assertThrows(CheckpointException.class, () -> SafetensorsFile.open(directory));
  }

  @Nested
  class Accepts {
    @Test
    void whitespaceAroundTheHeader() {
      assertEquals(List.of(), open("\t\n{}\r ", 0).tensors());
      assertEquals(1, open(" {" + PAIR + "}  \n", 8).tensors().size());
    }

    @Test
    void metadataThatIsNullAsAbsent() {
      assertEquals(Map.of(), open("{\"__metadata__\":null," + PAIR + "}", 8).metadata());
    }

    @Test
    void fieldsItDoesNotKnow() {
      String header =
          "{\"a\":{\"x\":[{\"y\":1}],\"dtype\":\"I32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
      assertEquals(1, open(header, 8).tensors().size());
    }

    @Test
    void escapedAndUnusualNames() {
      SafetensorsFile file =
          open(
              "{"
                  + tensor("\\ud83d\\ude00", "U8", "[1]", "[0,1]")
                  + ","
                  + tensor("\\u0000", "U8", "[1]", "[1,2]")
                  + ","
                  + tensor("", "U8", "[1]", "[2,3]")
                  + "}",
              3);
      assertEquals(
          List.of("\uD83D\uDE00", "\0", ""),
          file.tensors().stream().map(TensorInfo::name).toList());
    }

    @Test
    void emptyTensorsAtAnySeam() {
      SafetensorsFile file =
          open(
              "{"
                  + tensor("end", "F32", "[0,3]", "[8,8]")
                  + ","
                  + PAIR
                  + ","
                  + tensor("start", "F32", "[0]", "[0,0]")
                  + "}",
              8);
      assertEquals(
          List.of("start", "a", "end"), file.tensors().stream().map(TensorInfo::name).toList());
      try (Arena arena = Arena.ofConfined()) {
        Tensor empty = file.open("end", arena);
        assertEquals(Shape.of(0, 3), empty.shape());
        assertEquals(0, empty.byteSize());
      }
    }

    @Test
    void scalars() {
      try (Arena arena = Arena.ofConfined()) {
        Tensor scalar = open("{" + tensor("a", "I32", "[]", "[0,4]") + "}", 4).open("a", arena);
        assertArrayEquals(new int[] {0x03020100}, scalar.toInts());
      }
    }

    @Test
    void everyDtypeAtItsWidth() {
      for (DType dtype : DType.values()) {
        int bytes = dtype.bits();
        SafetensorsFile file =
            open("{" + tensor("a", dtype.name(), "[2,4]", "[0," + bytes + "]") + "}", bytes);
        assertEquals(List.of(new TensorInfo("a", dtype, Shape.of(2, 4))), file.tensors());
      }
    }
  }

  @Test
  void tensorsComeInTheOrderOfTheirBytesWithTheirPlaces() {
    SafetensorsFile file =
        open(
            "{\"__metadata__\":{\"z\":\"1\",\"a\":\"\\u00e9\"},"
                + tensor("late", "F16", "[2]", "[8,12]")
                + ","
                + PAIR
                + "}",
            12);
    long dataStart = file.byteSize() - 12;
    assertEquals(
        List.of(
            new StoredTensor(new TensorInfo("a", DType.I32, Shape.of(2)), dataStart),
            new StoredTensor(new TensorInfo("late", DType.F16, Shape.of(2)), dataStart + 8)),
        file.storedTensors());
    assertEquals(dataStart + 12, file.storedTensors().getLast().end());
    assertEquals(List.of("a", "z"), List.copyOf(file.metadata().keySet()));
    assertEquals("\u00e9", file.metadata().get("a"));
  }

  @Test
  void openingATensorMapsItsBytesReadOnly() {
    SafetensorsFile file = open("{" + PAIR + "," + tensor("b", "U8", "[3]", "[8,11]") + "}", 11);
    try (Arena arena = Arena.ofConfined()) {
      Tensor tensor = file.open("b", arena);
      assertEquals(DType.U8, tensor.dtype());
      assertArrayEquals(new byte[] {8, 9, 10}, tensor.segment().toArray(ValueLayout.JAVA_BYTE));
      assertTrue(tensor.segment().isReadOnly());
    }
  }

  @Test
  void closingTheArenaEndsTheTensor() {
    SafetensorsFile file = open("{" + PAIR + "}", 8);
    MemorySegment segment;
    try (Arena arena = Arena.ofConfined()) {
      segment = file.open("a", arena).segment();
    }
    assertThrows(IllegalStateException.class, () -> segment.get(ValueLayout.JAVA_BYTE, 0));
  }

  @Test
  void anUnknownTensorIsNamed() {
    SafetensorsFile file = open("{" + PAIR + "}", 8);
    CheckpointException e =
        assertThrows(CheckpointException.class, () -> file.open("b", Arena.global()));
    assertTrue(e.getMessage().endsWith("there is no tensor \"b\""), e.getMessage());
  }

  @Nested
  class AfterTheHeaderWasRead {
    private SafetensorsFile file;

    @BeforeEach
    void readTheHeader() {
      file = open("{" + PAIR + "}", 8);
    }

    private String failure() {
      return assertThrows(CheckpointException.class, () -> file.open("a", Arena.global()))
          .getMessage();
    }

    @Test
    void aShorterFileIsRefused() throws IOException {
      try (RandomAccessFile raw = new RandomAccessFile(file.path().toFile(), "rw")) {
        raw.setLength(file.byteSize() - 1);
      }
      assertTrue(failure().contains("had 70 bytes when its header was read and has 69 now"));
    }

    @Test
    void aRewrittenFileIsRefused() throws IOException {
      Files.setLastModifiedTime(file.path(), FileTime.fromMillis(1));
      assertTrue(failure().contains("was changed or replaced"));
    }

    @Test
    void aReplacedFileIsRefusedThoughSizeAndTimeAreTheSame() throws IOException {
      Path other = directory.resolve("other");
      Files.copy(file.path(), other, StandardCopyOption.COPY_ATTRIBUTES);
      Assumptions.assumeTrue(
          Files.readAttributes(other, BasicFileAttributes.class).fileKey() != null);
      Files.move(other, file.path(), StandardCopyOption.REPLACE_EXISTING);
      assertTrue(failure().contains("was changed or replaced"));
    }

    @Test
    void aRemovedFileIsRefused() throws IOException {
      Files.delete(file.path());
      assertTrue(failure().contains("no such file"));
    }
  }

  @Test
  void offsetsBeyondFourGibibytesAndTwoToThe32ElementsWork() throws IOException {
    long big = (1L << 32) + 5;
    String header =
        "{"
            + tensor("big", "U8", "[" + big + "]", "[0," + big + "]")
            + ","
            + tensor("after", "F32", "[2]", "[" + big + "," + (big + 8) + "]")
            + "}";
    Path path = RawFiles.write(directory, "sparse.safetensors", bytes(header, 0));
    long size = Files.size(path) + big + 8;
    try (RandomAccessFile raw = new RandomAccessFile(path.toFile(), "rw")) {
      raw.setLength(size);
      raw.seek(size - 9);
      raw.write(new byte[] {42, 0, 0, (byte) 0xC0, 0x3F, 0, 0, 0, (byte) 0xC0});
    } catch (IOException e) {
      Assumptions.abort("no sparse files of 4 GiB here: " + e);
    }
    SafetensorsFile file = SafetensorsFile.open(path);
    try (Arena arena = Arena.ofConfined()) {
      Tensor tensor = file.open("big", arena);
      assertEquals(big, tensor.shape().elements());
      assertEquals(42, tensor.segment().get(ValueLayout.JAVA_BYTE, big - 1));
      assertArrayEquals(new float[] {1.5f, -2f}, file.open("after", arena).toFloats());
    }
  }

  @Test
  void manyThreadsOpenTheSameTensorsAtOnce() throws Exception {
    String header =
        IntStream.range(0, 16)
            .mapToObj(i -> tensor("t" + i, "I32", "[2]", "[" + 8 * i + "," + (8 * i + 8) + "]"))
            .collect(Collectors.joining(",", "{", "}"));
    SafetensorsFile file = open(header, 128);
    Callable<List<Integer>> task =
        () -> {
          List<Integer> seen = new ArrayList<>();
          for (TensorInfo info : file.tensors()) {
            try (Arena arena = Arena.ofConfined()) {
              seen.add(file.open(info.name(), arena).toInts()[0]);
            }
          }
          return seen;
        };
    List<Integer> expected = task.call();
    assertEquals(0x03020100, expected.getFirst());
    try (ExecutorService pool = Executors.newFixedThreadPool(4)) {
      for (Future<List<Integer>> result : pool.invokeAll(Collections.nCopies(32, task))) {
        assertEquals(expected, result.get());
      }
    }
  }
}
