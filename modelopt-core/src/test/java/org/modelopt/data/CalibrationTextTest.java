package org.modelopt.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.error.DataException;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

class CalibrationTextTest {
  @TempDir private Path directory;

  /** One token a character; notes the conversations it was given. */
  private static final class Letters implements TextEncoder {
    private final List<List<ChatMessage>> chats = new ArrayList<>();

    @Override
    public int[] encode(String text, boolean specialTokens) {
      return text.chars().toArray();
    }

    @Override
    public int[] encodeChat(List<ChatMessage> messages) {
      chats.add(messages);
      return new int[] {1, 2, 3};
    }
  }

  private Path lines(String name, String... lines) throws IOException {
    return Files.writeString(directory.resolve(name), String.join("\n", lines));
  }

  private static List<String> texts(SampleSet set) {
    return set.samples().stream()
        .map(sample -> new String(sample.toInts(), 0, sample.toInts().length))
        .toList();
  }

  @Test
  void conversationsComeInThreeForms() throws IOException {
    Path file =
        lines(
            "chat.jsonl",
            "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}",
            "{\"conversations\": [{\"from\": \"human\", \"value\": \"b\"}, {\"from\": \"gpt\","
                + " \"value\": \"c\"}]}",
            "{\"prompt\": \"d\", \"response\": \"e\"}");
    Letters encoder = new Letters();
    SampleSet set = CalibrationData.jsonl(file).read(Optional.of(encoder));
    assertEquals(3, set.samples().size());
    List<ChatMessage> shared =
        List.of(new ChatMessage("user", "b"), new ChatMessage("assistant", "c"));
    assertEquals(shared, encoder.chats.get(1));
    assertEquals(
        List.of(new ChatMessage("user", "d"), new ChatMessage("assistant", "e")),
        encoder.chats.get(2));
    Path strange =
        lines("x.jsonl", "{\"conversations\": [{\"from\": \"ghost\", \"value\": \"b\"}]}");
    DataException failure =
        assertThrows(
            DataException.class, () -> CalibrationData.jsonl(strange).read(Optional.of(encoder)));
    assertTrue(failure.getMessage().contains("line 1"), failure.getMessage());
  }

  private Path numbered(int count) throws IOException {
    return lines(
        "many.jsonl",
        IntStream.range(0, count)
            .mapToObj(i -> "{\"text\": \"line %03d\"}".formatted(i))
            .toArray(String[]::new));
  }

  @Test
  void aSeedDrawsFromTheWholeSourceAndRepeats() throws IOException {
    CalibrationData data = CalibrationData.jsonl(numbered(200)).samples(10);
    List<String> first = texts(data.read(Optional.of(new Letters())));
    assertEquals("line 009", first.getLast());
    List<String> drawn = texts(data.sampled(7).read(Optional.of(new Letters())));
    assertEquals(drawn, texts(data.sampled(7).read(Optional.of(new Letters()))));
    assertNotEquals(drawn, texts(data.sampled(8).read(Optional.of(new Letters()))));
    assertEquals(10, drawn.size());
    assertEquals(drawn.stream().sorted().toList(), drawn);
    assertTrue(drawn.getLast().compareTo("line 100") > 0, drawn.toString());
    assertEquals(200, data.sampled(7).read(Optional.of(new Letters())).read());
  }

  @Test
  void packingJoinsRecordsIntoFullSamples() throws IOException {
    SampleSet set =
        CalibrationData.jsonl(numbered(5)).maxLength(16).packed().read(Optional.of(new Letters()));
    assertEquals(List.of("line 000line 001", "line 002line 003"), texts(set));
    assertEquals(5, set.read());
  }

  @Test
  void aMixtureGivesEachSourceItsShare() throws IOException {
    Path other =
        lines(
            "other.jsonl",
            IntStream.range(0, 50).mapToObj(i -> "{\"text\": \"other\"}").toArray(String[]::new));
    SequencedMap<CalibrationData, Double> weights = new LinkedHashMap<>();
    weights.put(CalibrationData.jsonl(numbered(100)), 3.0);
    weights.put(CalibrationData.jsonl(other), 1.0);
    SampleSet set = CalibrationData.mix(weights).samples(41).read(Optional.of(new Letters()));
    assertEquals(41, set.samples().size());
    assertEquals(10, texts(set).stream().filter("other"::equals).count());
  }

  @Test
  void anEmptySourceIsRefused() throws IOException {
    Path empty = lines("empty.jsonl", "");
    assertThrows(
        DataException.class, () -> CalibrationData.jsonl(empty).read(Optional.of(new Letters())));
  }

  @Test
  void anEmptyPartOfAMixtureIsRefused() throws IOException {
    SequencedMap<CalibrationData, Double> weights = new LinkedHashMap<>();
    weights.put(CalibrationData.jsonl(numbered(10)), 1.0);
    weights.put(CalibrationData.jsonl(lines("empty.jsonl", "")), 1.0);
    DataException failure =
        assertThrows(
            DataException.class,
            () -> CalibrationData.mix(weights).read(Optional.of(new Letters())));
    assertTrue(failure.getMessage().contains("empty.jsonl is empty"), failure.getMessage());
  }

  @Test
  void longTextsAreCutAndShortOnesCounted() throws IOException {
    Path file =
        lines("mixed.jsonl", "{\"text\": \"a\"}", "{\"text\": \"abcdefgh\"}", "{\"text\": \"ab\"}");
    SampleSet set =
        CalibrationData.jsonl(file).samples(7).maxLength(4).read(Optional.of(new Letters()));
    assertEquals(List.of("abcd", "ab"), texts(set));
    assertEquals(7, set.asked());
    assertEquals(3, set.read());
    assertEquals(1, set.skipped());
    assertEquals(6, set.tokens());
  }

  @Test
  void sharedTextIsFoundAndRefused() {
    Tensor calibration = ids(IntStream.range(0, 200).toArray());
    Tensor clean = ids(IntStream.range(1000, 1100).toArray());
    Tensor copied = ids(IntStream.range(50, 100).toArray());
    Contamination none = Contamination.of(List.of(calibration), List.of(clean));
    assertEquals(0, none.share());
    none.require();
    Contamination some = Contamination.of(List.of(calibration), List.of(clean, copied));
    assertEquals(38, some.shared());
    assertEquals(88 + 38, some.runs());
    assertThrows(DataException.class, some::require);
  }

  private static Tensor ids(int... ids) {
    return Tensor.ofInts(Arena.ofAuto(), Shape.of(ids.length), ids);
  }
}
