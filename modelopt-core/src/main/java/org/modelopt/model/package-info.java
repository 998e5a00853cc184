/**
 * The contract of a network that can be calibrated and quantized. Nothing here assumes a
 * transformer: an application implements {@link org.modelopt.model.Model} for its own network in a
 * few dozen lines.
 *
 * <p>A model is a sequence of {@link org.modelopt.model.Layer}s, run one at a time so that only one
 * layer's weights are in memory. A layer names its {@link org.modelopt.model.InputGroup}s (linears
 * that read the same tensor) and {@link org.modelopt.model.CacheSite}s, and asks a {@link
 * org.modelopt.model.LayerRun} for every product it needs; whoever runs the layer decides there
 * whether inputs are observed, quantized or left alone.
 *
 * <p>Models of HuggingFace checkpoints live in the module {@code modelopt-models}.
 */
@NullMarked
package org.modelopt.model;

import org.jspecify.annotations.NullMarked;
