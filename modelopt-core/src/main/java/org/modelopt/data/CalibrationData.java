package org.modelopt.data;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.SequencedMap;
import org.modelopt.error.DataException;
import org.modelopt.tensor.Tensor;

/**
 * A source of samples and how much of it to take; an immutable value.
 *
 * <pre>{@code
 * CalibrationData.jsonl(Path.of("chat.jsonl")).samples(512).maxLength(2048)
 * }</pre>
 *
 * <p>Nothing is read before {@link #read}. Samples are taken from the source's start, in its order,
 * unless {@link #sampled} draws them.
 */
public final class CalibrationData {
  /** Samples taken from a file of text unless {@link #samples} says otherwise. */
  public static final int DEFAULT_SAMPLES = 512;

  /** Tokens taken from a text unless {@link #maxLength} says otherwise. */
  public static final int DEFAULT_MAX_LENGTH = 512;

  private final SampleSource source;
  private final OptionalInt samples;
  private final OptionalInt maxLength;
  private final OptionalLong seed;
  private final boolean packed;

  private CalibrationData(
      SampleSource source,
      OptionalInt samples,
      OptionalInt maxLength,
      OptionalLong seed,
      boolean packed) {
    this.source = source;
    this.samples = samples;
    this.maxLength = maxLength;
    this.seed = seed;
    this.packed = packed;
  }

  private static CalibrationData of(SampleSource source) {
    return new CalibrationData(
        source, OptionalInt.empty(), OptionalInt.empty(), OptionalLong.empty(), false);
  }

  /**
   * Several sources, each giving a share of the samples. What a part says of length, choice and
   * packing holds for it, else what the mixture says.
   *
   * @param weights sources and their shares relative to each other, in order
   * @throws IllegalArgumentException if there is none or a weight is not positive
   * @see #read which refuses a mixture of which a part has no usable sample
   */
  public static CalibrationData mix(SequencedMap<CalibrationData, Double> weights) {
    List<Mixture.Part> parts = new ArrayList<>();
    weights.forEach((data, weight) -> {
      if (!(weight > 0) || weight == Double.POSITIVE_INFINITY) {
        throw new IllegalArgumentException("weight of " + data + " must be positive: " + weight);
      }
      parts.add(new Mixture.Part(data, weight));
    });
    if (parts.isEmpty()) {
      throw new IllegalArgumentException("a mixture needs a source");
    }
    return of(new Mixture(List.copyOf(parts)));
  }

  /**
   * One sample a line: a JSON object with a field {@code text}; or a conversation that the model's
   * chat template renders: {@code messages} of {@code role} and {@code content}, {@code
   * conversations} of {@code from} and {@code value} (ShareGPT), or {@code prompt} and {@code
   * response} (or {@code completion}). A text longer than the maximum length is cut. A name that
   * ends in {@code .gz} is decompressed.
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
   * tokens whose mask is 0 are left out. All rows, whole, unless {@link #samples} or {@link
   * #maxLength} says otherwise.
   */
  public static CalibrationData tokenRows(Path file) {
    return of(new TokenRows(file));
  }

  /**
   * Samples an application made: host tensors, I32 {@code [t]} token ids or F32 {@code [t,
   * features]}. All of them whole, unless {@link #samples} or {@link #maxLength} says otherwise;
   * they cannot be drawn or packed.
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
    return new CalibrationData(source, positive("samples", count), maxLength, seed, packed);
  }

  /**
   * A copy that takes at most {@code tokens} tokens of each sample.
   *
   * @throws IllegalArgumentException if {@code tokens} is not positive
   */
  public CalibrationData maxLength(int tokens) {
    return new CalibrationData(source, samples, positive("maxLength", tokens), seed, packed);
  }

  /** A copy that draws its samples from the whole source instead of taking the first. */
  public CalibrationData sampled(long newSeed) {
    return new CalibrationData(source, samples, maxLength, OptionalLong.of(newSeed), packed);
  }

  /** A copy that joins records and cuts them into samples of exactly the maximum length. */
  public CalibrationData packed() {
    return new CalibrationData(source, samples, maxLength, seed, true);
  }

  /** What is read, for messages. */
  String name() {
    return source.name();
  }

  /** The share of a mixture; what this does not say itself is as the mixture says. */
  SampleSet readShare(SampleRequest whole, OptionalInt share, Optional<TextEncoder> encoder) {
    return read(
        new SampleRequest(
            share,
            maxLength.isPresent() ? maxLength : whole.maxLength(),
            seed.isPresent() ? seed : whole.seed(),
            packed || whole.packed()),
        encoder);
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
    return read(new SampleRequest(samples, maxLength, seed, packed), encoder);
  }

  private SampleSet read(SampleRequest request, Optional<TextEncoder> encoder) {
    SampleSet set = source.read(request, encoder);
    if (!set.samples().isEmpty()) {
      return set;
    }
    if (set.read() == 0) {
      throw new DataException(set.source() + " is empty; give some samples");
    }
    throw new DataException(
        "%s has no usable sample: %d read, %s with fewer than %d tokens"
            .formatted(
                set.source(),
                set.read(),
                request.packed() ? "joined to a text" : "all",
                request.packed()
                    ? request.maxLength().orElse(DEFAULT_MAX_LENGTH)
                    : SampleSource.LEAST_TOKENS));
  }

  /** What is read and how much of it. */
  @Override
  public String toString() {
    return source.name()
        + (samples.isPresent() ? ", at most " + samples.getAsInt() + " samples" : "")
        + (maxLength.isPresent() ? ", at most " + maxLength.getAsInt() + " tokens each" : "");
  }
}
