package org.modelopt.data;

import java.util.Optional;
import org.modelopt.error.DataException;

/** Where samples come from. */
sealed interface SampleSource permits GivenSamples, JsonLines, Mixture, PlainText, TokenRows {
  /** Tokens below which a text is no sample: a begin of text alone says nothing. */
  int LEAST_TOKENS = 2;

  /** What is read, for messages. */
  String name();

  /** Reads samples; an empty set if there is none. */
  SampleSet read(SampleRequest request, Optional<TextEncoder> encoder);

  /** The encoder that a source of text needs. */
  default TextEncoder required(Optional<TextEncoder> encoder) {
    return encoder.orElseThrow(() ->
        new DataException(
            name()
                + " holds text, and the model has no tokenizer to read it; give rows of token ids"
                + " or tensors instead"));
  }
}
