/**
 * Decoder-only language models as data, and the layers that such data describes.
 *
 * <p>{@link org.modelopt.models.decoder.DecoderSpec} says everything that tells one architecture or
 * size from another: where blocks normalise, heads, windows, biases, rotary embedding ({@link
 * org.modelopt.models.decoder.RotaryScaling} has its variants), feed-forward. {@link
 * org.modelopt.models.decoder.DecoderLayers} makes the layers and knows every tensor they read, so
 * that a checkpoint is checked before anything runs.
 *
 * <p>Names of tensors and modules are those of transformers.
 */
@NullMarked
package org.modelopt.models.decoder;

import org.jspecify.annotations.NullMarked;
