package org.modelopt.safetensors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.modelopt.error.ExportException;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.TensorInfo;

/** Byte-exact cases are those of the reference implementation's own tests. */
class SafetensorsLayoutTest {
  private static final Map<String, String> FRAMEWORK = Map.of("framework", "pt");

  private static byte[] head(SafetensorsLayout layout) {
    ByteBuffer head = layout.head();
    byte[] bytes = new byte[head.remaining()];
    head.get(bytes);
    return bytes;
  }

  private static String json(SafetensorsLayout layout) {
    byte[] head = head(layout);
    return new String(head, 8, head.length - 8, StandardCharsets.UTF_8);
  }

  private static TensorInfo info(String name, DType dtype, long... dims) {
    return new TensorInfo(name, dtype, Shape.of(dims));
  }

  private static List<String> names(SafetensorsLayout layout) {
    return layout.tensors().stream().map(tensor -> tensor.info().name()).toList();
  }

  @Test
  void nothingAtAllIsSixteenBytes() {
    SafetensorsLayout layout = SafetensorsLayout.of(List.of(), Map.of());
    assertArrayEquals(
        new byte[] {8, 0, 0, 0, 0, 0, 0, 0, '{', '}', ' ', ' ', ' ', ' ', ' ', ' '}, head(layout));
    assertEquals(16, layout.byteSize());
  }

  @Test
  void metadataAloneIsPaddedToFortyBytes() {
    SafetensorsLayout layout = SafetensorsLayout.of(List.of(), FRAMEWORK);
    assertEquals(40, head(layout)[0]);
    assertEquals("{\"__metadata__\":{\"framework\":\"pt\"}}     ", json(layout));
    assertEquals(48, layout.byteSize());
  }

  @Test
  void metadataComesBeforeTheTensors() {
    SafetensorsLayout layout =
        SafetensorsLayout.of(List.of(info("test1", DType.I32, 2, 2)), FRAMEWORK);
    assertEquals(0x60, head(layout)[0]);
    assertEquals(
        "{\"__metadata__\":{\"framework\":\"pt\"},"
            + "\"test1\":{\"dtype\":\"I32\",\"shape\":[2,2],\"data_offsets\":[0,16]}} ",
        json(layout));
    assertEquals(104, layout.tensors().getFirst().offset());
    assertEquals(120, layout.byteSize());
  }

  @Test
  void widerTypesComeFirstWhateverTheGivenOrder() {
    List<TensorInfo> tensors =
        new ArrayList<>(List.of(info("test2", DType.F16, 2, 2), info("test1", DType.I32, 2, 2)));
    SafetensorsLayout layout = SafetensorsLayout.of(tensors, Map.of());
    Collections.reverse(tensors);
    assertArrayEquals(head(layout), head(SafetensorsLayout.of(tensors, Map.of())));
    assertEquals(0x80, head(layout)[0] & 0xFF);
    assertEquals(List.of("test1", "test2"), names(layout));
    assertEquals(136, layout.tensors().getFirst().offset());
  }

  @Test
  void aHeaderThatIsAMultipleOfEightIsNotPadded() {
    SafetensorsLayout layout =
        SafetensorsLayout.of(List.of(info("attn.0", DType.F32, 1, 2, 3)), Map.of());
    assertEquals(
        "{\"attn.0\":{\"dtype\":\"F32\",\"shape\":[1,2,3],\"data_offsets\":[0,24]}}", json(layout));
    assertEquals(64, head(layout)[0]);
  }

  @Test
  void theOrderOfTypesIsTheReferences() {
    List<TensorInfo> tensors =
        Arrays.stream(DType.values()).map(dtype -> info(dtype.name(), dtype, 8)).toList();
    assertEquals(
        List.of(
            "U64",
            "I64",
            "F64",
            "C64",
            "F32",
            "U32",
            "I32",
            "BF16",
            "F16",
            "U16",
            "I16",
            "F8_E5M2FNUZ",
            "F8_E4M3FNUZ",
            "F8_E8M0",
            "F8_E4M3",
            "F8_E5M2",
            "I8",
            "U8",
            "F6_E3M2",
            "F6_E2M3",
            "F4",
            "BOOL"),
        names(SafetensorsLayout.of(tensors)));
  }

  @Test
  void namesAreOrderedByTheirUtf8BytesNotByUtf16() {
    SafetensorsLayout layout =
        SafetensorsLayout.of(
            List.of(
                info("\uD83D\uDE00", DType.U8, 1),
                info("\uFFEE", DType.U8, 1),
                info("a", DType.U8, 1),
                info("a\u00e9", DType.U8, 1)));
    assertEquals(List.of("a", "a\u00e9", "\uFFEE", "\uD83D\uDE00"), names(layout));
  }

  @Test
  void namesAreEscapedAsByTheReference() {
    // The bytes that safetensors 0.8.0 (Python) wrote for these names.
    SafetensorsLayout layout =
        SafetensorsLayout.of(
            List.of(info("b\u007f\u001f\"\\/\u00e9\u2028", DType.I32, 2)),
            Map.of("a", "\u0001\u00e9"));
    assertEquals(
        "{\"__metadata__\":{\"a\":\"\\u0001\u00e9\"},"
            + "\"b\u007f\\u001f\\\"\\\\/\u00e9\u2028\":"
            + "{\"dtype\":\"I32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
        json(layout).stripTrailing());
  }

  @Test
  void shortEscapesAreUsedWhereJsonHasThem() {
    SafetensorsLayout layout =
        SafetensorsLayout.of(List.of(info("\b\f\n\r\t", DType.U8, 0)), Map.of());
    assertTrue(json(layout).startsWith("{\"\\b\\f\\n\\r\\t\":"), json(layout));
  }

  @Test
  void metadataSaysPyTorchUnlessToldOtherwise() {
    assertTrue(
        json(SafetensorsLayout.of(List.of())).startsWith("{\"__metadata__\":{\"format\":\"pt\"}}"));
  }

  @Test
  void metadataKeysHaveAFixedOrder() {
    Map<String, String> metadata = Map.of("z", "1", "b", "2", "a", "3", "q", "4");
    assertTrue(
        json(SafetensorsLayout.of(List.of(), metadata))
            .startsWith("{\"__metadata__\":{\"a\":\"3\",\"b\":\"2\",\"q\":\"4\",\"z\":\"1\"}}"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"__metadata__", "\uD800", "a\uDC00", "\uD800\uD800\uDC00"})
  void namesThatCannotBeWrittenAreRefused(String name) {
    assertThrows(
        IllegalArgumentException.class,
        () -> SafetensorsLayout.of(List.of(info(name, DType.U8, 1))));
  }

  @Test
  void textThatHasNoUtf8FormIsRefusedInMetadata() {
    assertThrows(
        IllegalArgumentException.class,
        () -> SafetensorsLayout.of(List.of(), Map.of("k", "\uD800")));
  }

  @Test
  void twoTensorsOfOneNameAreRefused() {
    assertThrows(
        IllegalArgumentException.class,
        () -> SafetensorsLayout.of(List.of(info("a", DType.U8, 1), info("a", DType.I8, 1))));
  }

  @Test
  void aHeaderAbove100MegabytesIsRefused() {
    ExportException e =
        assertThrows(
            ExportException.class,
            () -> SafetensorsLayout.of(List.of(), Map.of("k", "v".repeat(100_000_000))));
    assertTrue(e.getMessage().contains("100,000,000"), e.getMessage());
    ExportException padded =
        assertThrows(
            ExportException.class,
            () -> SafetensorsLayout.of(List.of(info("n".repeat(99_999_999), DType.U8, 1))));
    assertTrue(padded.getMessage().contains("100,000,000"), padded.getMessage());
  }
}
