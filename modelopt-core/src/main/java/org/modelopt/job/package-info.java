/**
 * The streaming loop: samples go through a model one layer at a time, so that one layer's weights
 * and the activations between two layers are all that is in memory.
 *
 * <p>{@link org.modelopt.job.Activations} holds the activations of all samples, in memory up to a
 * limit and in a file beyond it. {@link org.modelopt.job.LayerParameters} is one layer's weights on
 * the device. {@link org.modelopt.job.Pass} says what a pass observes and which quantization it
 * simulates. Whoever runs a job writes the loop:
 *
 * <pre>{@code
 * try (Activations activations = Activations.of(model, samples, backend, options)) {
 *   for (Layer layer : model.layers()) {
 *     try (LayerParameters parameters = LayerParameters.load(model, layer, precision, pass)) {
 *       activations.advance(layer, parameters, pass);
 *     }
 *   }
 * }
 * }</pre>
 */
@NullMarked
package org.modelopt.job;

import org.jspecify.annotations.NullMarked;
