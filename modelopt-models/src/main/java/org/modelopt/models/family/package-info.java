/**
 * The architectures that are known, each a function from a config.json to a {@link
 * org.modelopt.models.decoder.DecoderSpec}.
 *
 * <p>A new architecture is a class in the style of {@code Llama}, which reads the fields that tell
 * it from others, and a line in {@link org.modelopt.models.family.Families}. What all share is in
 * {@code CommonFields}; rotary embeddings, in either style of config.json, in {@code RotaryFields}.
 */
@NullMarked
package org.modelopt.models.family;

import org.jspecify.annotations.NullMarked;
