package org.modelopt.data;

import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import org.modelopt.error.DataException;
import org.modelopt.tensor.Tensor;

/**
 * A source of samples and how much of it to take; an immutable value.
 *
 * <pre>{@code
 * CalibrationData.jsonl(Path.of("chat.jsonl")).samples(512).maxLength(2048)
 * }</pre>
 *
 * <p>Nothing is read before {@link #read}. Samples are taken from the source's start, in its order.
 */
public final class CalibrationData {
  /** Samples taken from a file unless {@link #samples} says otherwise. */
  public static final int DEFAULT_SAMPLES = 512;

  /** Tokens taken from a text unless {@link #maxLength} says otherwise. */
  public static final int DEFAULT_MAX_LENGTH = 512;

  private final SampleSource source;
  private final OptionalInt samples;
  private final OptionalInt maxLength;

  private CalibrationData(SampleSource source, OptionalInt samples, OptionalInt maxLength) {
    this.source = source;
    this.samples = samples;
    this.maxLength = maxLength;
  }

  private static CalibrationData of(SampleSource source) {
    return new CalibrationData(source, OptionalInt.empty(), OptionalInt.empty());
  }

  /**
   * One sample a line: a JSON object with a field {@code text}, or with {@code messages}, a
   * conversation of {@code role} and {@code content} that the model's chat template renders. A text
   * longer than the maximum length is cut. A name that ends in {@code .gz} is decompressed.
   */
  public static CalibrationData jsonl(Path file) {
    return of(new JsonLines(ByteSource.of(file)));
  }

  /** Like {@link #jsonl(Path)}, from a resource of an application. */
  public static CalibrationData jsonl(ByteSource source) {
    return of(new JsonLines(source));
  }

  /**
   * Plain UTF-8 text, cut into samples of the maximum length, each with the tokenizer's begin of
   * text before it. A name that ends in {@code .gz} is decompressed.
   */
  public static CalibrationData text(Path file) {
    return of(new PlainText(ByteSource.of(file)));
  }

  /**
   * Token ids made elsewhere: the rows of the I32 or I64 tensor {@code input_ids} {@code [rows,
   * tokens]} of a safetensors file. Where there is an {@code attention_mask} of the same shape,
   * tokens whose mask is 0 are left out. Rows are cut only if {@link #maxLength} says so.
   */
  public static CalibrationData tokenRows(Path file) {
    return of(new TokenRows(file));
  }

  /**
   * Samples an application made: host tensors, I32 {@code [t]} token ids or F32 {@code [t,
   * features]}. All of them whole, unless {@link #samples} or {@link #maxLength} says otherwise.
   */
  public static CalibrationData of(List<Tensor> samples) {
    return of(new GivenSamples(List.copyOf(samples)));
  }

  /**
   * A file by what its name ends in: {@code .jsonl} as {@link #jsonl}, {@code .txt} as {@link
   * #text}, both also with {@code .gz} after it, {@code .safetensors} as {@link #tokenRows}.
   *
   * @throws DataException for other names
   */
  public static CalibrationData file(Path file) {
    String name = file.toString().toLowerCase(Locale.ROOT);
    String plain = name.endsWith(".gz") ? name.substring(0, name.length() - 3) : name;
    if (plain.endsWith(".jsonl")) {
      return jsonl(file);
    } else if (plain.endsWith(".txt")) {
      return text(file);
    } else if (name.endsWith(".safetensors")) {
      return tokenRows(file);
    }
    throw new DataException(
        file
            + ": what it holds cannot be told from its name; it should end in .jsonl (one JSON"
            + " object a line), .txt (plain text) or .safetensors (token ids)");
  }

  /**
   * A copy that takes at most {@code count} samples.
   *
   * @throws IllegalArgumentException if {@code count} is not positive
   */
  public CalibrationData samples(int count) {
    return new CalibrationData(source, positive("samples", count), maxLength);
  }

  /**
   * A copy that takes at most {@code tokens} tokens of each sample.
   *
   * @throws IllegalArgumentException if {@code tokens} is not positive
   */
  public CalibrationData maxLength(int tokens) {
    return new CalibrationData(source, samples, positive("maxLength", tokens));
  }

  private static OptionalInt positive(String name, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + " must be at least 1 but is " + value);
    }
    return OptionalInt.of(value);
  }

  /**
   * Reads the samples.
   *
   * @param encoder the model's text encoder, for sources of text
   * @throws DataException if the source is missing, malformed, has no usable sample, or needs an
   *     encoder and there is none
   */
  public SampleSet read(Optional<TextEncoder> encoder) {
    SampleSet set = source.read(samples, maxLength, encoder);
    if (set.samples().isEmpty()) {
      throw new DataException(
          set.read() == 0
              ? set.source() + " is empty; give some samples"
              : "%s has no usable sample: %d read, all with fewer than %d tokens"
                  .formatted(set.source(), set.read(), SampleSource.LEAST_TOKENS));
    }
    return set;
  }

  /** What is read and how much of it. */
  @Override
  public String toString() {
    return source.name()
        + (samples.isPresent() ? ", at most " + samples.getAsInt() + " samples" : "")
        + (maxLength.isPresent() ? ", at most " + maxLength.getAsInt() + " tokens each" : "");
  }
}
