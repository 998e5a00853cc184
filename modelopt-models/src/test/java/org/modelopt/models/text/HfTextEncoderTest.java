package org.modelopt.models.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.data.ChatMessage;
import org.modelopt.error.CheckpointException;
import org.modelopt.error.DataException;
import org.modelopt.error.ModelOptException;
import org.modelopt.models.pocket.PocketModel;

/** Token ids are those of the Python package tokenizers 0.22 for the same tokenizer.json. */
class HfTextEncoderTest {
  private static final String EMMA = "Emma Woodhouse, handsome, clever, and rich";
  private static final int[] EMMA_IDS = {
    38, 78, 1516, 430, 464, 73, 701, 13, 908, 395, 13, 1154, 332, 13, 281, 429, 383
  };

  @TempDir Path directory;
  private HfTextEncoder encoder;

  @BeforeEach
  void extract() {
    encoder = new HfTextEncoder(PocketModel.extract(directory));
  }

  @Test
  void textBecomesTheTokensOfTheReference() {
    assertArrayEquals(EMMA_IDS, encoder.encode(EMMA, false));
    assertArrayEquals(
        new int[] {
          1131, 357, 222, 18, 13, 19, 20, 21, 265, 8, 68, 1440, 222, 715, 297, 66, 129, 109, 315,
          278, 66, 71, 1136, 222, 174, 255, 248, 224, 200, 200, 222, 222, 89
        },
        encoder.encode("It's 1,234 o'clock — naïve café 😀\n\n  x", false));
    assertArrayEquals(
        new int[] {
          164, 247, 100, 164, 252, 107, 166, 105, 254, 222, 174, 255, 241, 104, 714, 237, 174, 255,
          242, 121
        },
        encoder.encode("日本語 \uD83D\uDC69\u200D\uD83D\uDCBB", false));
  }

  @Test
  void specialTokensAreAddedOnlyIfAskedFor() {
    assertArrayEquals(
        IntStream.concat(IntStream.of(0), Arrays.stream(EMMA_IDS)).toArray(),
        encoder.encode(EMMA, true));
    assertArrayEquals(new int[] {0}, encoder.encode("", true));
    assertArrayEquals(new int[0], encoder.encode("", false));
  }

  @Test
  void specialTokensInTheTextAreRecognised() {
    assertArrayEquals(new int[] {0, 89}, encoder.encode("<|begin_of_text|>x", false));
  }

  @Test
  void tokensDecodeToTheText() {
    String text = EMMA + " — café 😀\n\n";
    assertEquals(text, encoder.decode(encoder.encode(text, true), true));
    assertEquals("<|begin_of_text|>x", encoder.decode(new int[] {0, 89}, false));
  }

  @Test
  void longTextIsNeverCut() {
    String text = (EMMA + ". ").repeat(500);
    assertEquals(text, encoder.decode(encoder.encode(text, false), true));
  }

  @Test
  void truncationAndPaddingInTheFileAreNotFollowed() throws IOException {
    Path file = directory.resolve("tokenizer.json");
    String json = Files.readString(file);
    Files.writeString(
        file,
        json.replace(
                "\"truncation\": null",
                "\"truncation\": {\"direction\": \"Right\", \"max_length\": 4,"
                    + " \"strategy\": \"LongestFirst\", \"stride\": 0}")
            .replace(
                "\"padding\": null",
                "\"padding\": {\"strategy\": {\"Fixed\": 64}, \"direction\": \"Right\","
                    + " \"pad_to_multiple_of\": null, \"pad_id\": 1, \"pad_type_id\": 0,"
                    + " \"pad_token\": \"<|end_of_text|>\"}"));
    assertArrayEquals(EMMA_IDS, new HfTextEncoder(directory).encode(EMMA, false));
  }

  @Test
  void severalThreadsGetTheSameTokens() {
    List<int[]> all =
        IntStream.range(0, 200).parallel().mapToObj(i -> encoder.encode(EMMA, false)).toList();
    all.forEach(ids -> assertArrayEquals(EMMA_IDS, ids));
  }

  @Test
  void halfASurrogatePairIsNoReasonToFail() {
    assertTrue(encoder.encode("x\uD83D", false).length > 0);
  }

  @Test
  void theHostsSystemPropertiesAreLeftAlone() {
    Object before = System.getProperties().clone();
    new HfTextEncoder(directory).encode(EMMA, false);
    assertEquals(before, System.getProperties());
  }

  @Test
  void aMissingTokenizerIsAnErrorOnlyWhenTextIsEncoded() throws IOException {
    Files.delete(directory.resolve("tokenizer.json"));
    HfTextEncoder lazy = new HfTextEncoder(directory);
    String message =
        assertThrows(CheckpointException.class, () -> lazy.encode("x", true)).getMessage();
    assertTrue(message.contains("tokenizer.json is missing"), message);
  }

  @Test
  void aBrokenTokenizerIsNamed() throws IOException {
    Path file = directory.resolve("tokenizer.json");
    for (String broken : List.of("{\"version\": \"1.0\"", "{}", "")) {
      Files.writeString(file, broken);
      String message =
          assertThrows(
                  CheckpointException.class, () -> new HfTextEncoder(directory).encode("x", true))
              .getMessage();
      assertTrue(message.contains("tokenizer.json is not a tokenizer"), message);
    }
    Files.write(file, new byte[] {'"', (byte) 0xFF, '"'});
    String message =
        assertThrows(
                CheckpointException.class, () -> new HfTextEncoder(directory).encode("x", true))
            .getMessage();
    assertTrue(message.contains("not UTF-8"), message);
  }

  /** Templates written for these tests. */
  @Nested
  class Chats {
    private static final String TEMPLATE =
        "{{ bos_token }}{% for m in messages %}\n{{ m.role }}: {{ m.content }}\n{% endfor %}"
            + "{% if add_generation_prompt %}assistant:{% endif %}";
    private static final List<ChatMessage> CHAT =
        List.of(new ChatMessage("user", "Who is rich?"), new ChatMessage("assistant", EMMA));
    private static final String RENDERED =
        "<|begin_of_text|>user: Who is rich?\nassistant: " + EMMA + "\n";

    private void config(String fields) throws IOException {
      Files.writeString(directory.resolve("tokenizer_config.json"), "{" + fields + "}");
    }

    private String quoted(String text) {
      return "\"" + text.replace("\n", "\\n") + "\"";
    }

    private void assertRenders() {
      assertEquals(RENDERED, encoder.decode(encoder.encodeChat(CHAT), false));
      assertEquals(
          1, Arrays.stream(encoder.encodeChat(CHAT)).filter(id -> id == 0).count(), "begin once");
    }

    @Test
    void theTemplateOfTheTokenizerConfigIsUsed() throws IOException {
      config("\"bos_token\": \"<|begin_of_text|>\", \"chat_template\": " + quoted(TEMPLATE));
      assertRenders();
    }

    @Test
    void ofSeveralTemplatesTheDefaultIsUsed() throws IOException {
      config(
          "\"bos_token\": {\"content\": \"<|begin_of_text|>\"}, \"chat_template\": ["
              + "{\"name\": \"tool_use\", \"template\": \"no\"},"
              + "{\"name\": \"default\", \"template\": "
              + quoted(TEMPLATE)
              + "}]");
      assertRenders();
    }

    @Test
    void aTemplateFileComesFirst() throws IOException {
      config("\"bos_token\": \"<|begin_of_text|>\", \"chat_template\": \"no\"");
      Files.write(
          directory.resolve("chat_template.jinja"), TEMPLATE.getBytes(StandardCharsets.UTF_8));
      assertRenders();
    }

    @Test
    void theDateIsTheSameOnAnyDay() throws IOException {
      config("\"chat_template\": \"{{ strftime_now('%d %b %Y, %A %B %H:%M %%') }}\"");
      assertEquals(
          "26 Jul 2024, Friday July 00:00 %", encoder.decode(encoder.encodeChat(CHAT), false));
    }

    private void assertFails(String... parts) {
      String message =
          assertThrows(ModelOptException.class, () -> encoder.encodeChat(CHAT)).getMessage();
      for (String part : parts) {
        assertTrue(message.contains(part), "\"%s\" lacks \"%s\"".formatted(message, part));
      }
    }

    @Test
    void noTemplateIsAnError() {
      assertThrows(DataException.class, () -> encoder.encodeChat(CHAT));
      assertFails("no chat template", "text instead of messages");
    }

    @Test
    void aMalformedTemplateIsAnError() throws IOException {
      config("\"chat_template\": \"{% if x %}\"");
      assertFails("tokenizer_config.json", "line 1");
    }

    @Test
    void aTemplateMayRefuse() throws IOException {
      config("\"chat_template\": \"{{ raise_exception('roles must alternate') }}\"");
      assertFails("roles must alternate");
    }
  }
}
