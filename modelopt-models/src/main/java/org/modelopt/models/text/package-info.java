/**
 * Text for language models: tokenizers, chat templates and the calibration text that comes with the
 * library.
 *
 * <p>{@link org.modelopt.models.text.HfTextEncoder} reads a checkpoint's {@code tokenizer.json}
 * with the HuggingFace tokenizers library (native, offline, loaded when the first text is encoded)
 * and renders its chat template, which is Jinja, with the interpreter in {@code
 * org.modelopt.models.jinja}.
 */
@NullMarked
package org.modelopt.models.text;

import org.jspecify.annotations.NullMarked;
