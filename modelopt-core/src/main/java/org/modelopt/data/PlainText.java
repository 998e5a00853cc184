package org.modelopt.data;

import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.IntStream;
import org.modelopt.error.DataException;

/** Plain text, cut into samples of the maximum length. Holds a block of it in memory. */
record PlainText(ByteSource source) implements SampleSource {
  /** Characters that are tokenized together. */
  private static final int BLOCK_CHARACTERS = 1 << 16;

  @Override
  public String name() {
    return source.name();
  }

  @Override
  public SampleSet read(SampleRequest request, Optional<TextEncoder> encoder) {
    int length = request.maxLength().orElse(CalibrationData.DEFAULT_MAX_LENGTH);
    SampleCollector collector =
        new SampleCollector(
            name(), request.samples().orElse(CalibrationData.DEFAULT_SAMPLES), length, request);
    TextEncoder tokenizer = required(encoder);
    int[] prefix = tokenizer.encode("", true);
    if (prefix.length >= length) {
      throw new DataException(
          "a maximum length of %d leaves no room for text after the %d tokens that begin it"
              .formatted(length, prefix.length));
    }
    try (Reader reader = reader(source.open())) {
      cut(new Blocks(reader), tokenizer, prefix, length, collector);
    } catch (CharacterCodingException e) {
      throw new DataException(name() + " is not UTF-8; convert it", e);
    } catch (IOException e) {
      throw new DataException(name() + " cannot be read: " + e.getMessage(), e);
    }
    return collector.finish();
  }

  private static Reader reader(InputStream in) {
    return new InputStreamReader(
        in,
        StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT));
  }

  private static void cut(
      Blocks blocks, TextEncoder encoder, int[] prefix, int length, SampleCollector collector)
      throws IOException {
    int[] pending = new int[0];
    int step = length - prefix.length;
    for (String block = blocks.next(); !block.isEmpty(); block = blocks.next()) {
      pending = concat(pending, encoder.encode(block, false));
      int from = 0;
      while (pending.length - from >= step && !collector.isFull()) {
        collector.add(concat(prefix, Arrays.copyOfRange(pending, from, from + step)));
        from += step;
      }
      if (collector.isFull()) {
        return;
      }
      pending = Arrays.copyOfRange(pending, from, pending.length);
    }
    if (pending.length > 0) {
      collector.add(concat(prefix, pending));
    }
  }

  private static int[] concat(int[] first, int[] second) {
    return IntStream.concat(Arrays.stream(first), Arrays.stream(second)).toArray();
  }

  /** The text in blocks that end where a line ends, where there are lines. */
  private static final class Blocks {
    private final Reader reader;
    private final char[] buffer = new char[BLOCK_CHARACTERS];
    private int filled;

    Blocks(Reader reader) {
      this.reader = reader;
    }

    /** The next block; empty after the last. */
    String next() throws IOException {
      while (filled < buffer.length) {
        int count = reader.read(buffer, filled, buffer.length - filled);
        if (count < 0) {
          break;
        }
        filled += count;
      }
      int end = filled < buffer.length ? filled : lastBreak();
      String block = new String(buffer, 0, end);
      System.arraycopy(buffer, end, buffer, 0, filled - end);
      filled -= end;
      return block;
    }

    private int lastBreak() {
      for (int i = filled; i > 0; i--) {
        if (buffer[i - 1] == '\n') {
          return i;
        }
      }
      // Never between the two halves of a character.
      return Character.isHighSurrogate(buffer[filled - 1]) ? filled - 1 : filled;
    }
  }
}
