/**
 * Post-training quantization: from statistics and weights to decisions.
 *
 * <p>{@link org.modelopt.quantize.Calibration} drives the observing pass over the layers and
 * decides layer by layer. Algorithms are pure functions of weights, {@link
 * org.modelopt.statistics.Statistics} and specs; a new one is a class in this package. What comes
 * out is {@link org.modelopt.decision.Decisions}; a {@link org.modelopt.quantize.QuantizedModel}
 * carries them beside the untouched model, and writers apply them while they stream the weights.
 */
@NullMarked
package org.modelopt.quantize;

import org.jspecify.annotations.NullMarked;
