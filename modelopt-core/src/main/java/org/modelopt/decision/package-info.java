/**
 * What was decided for a model: the only thing that flows from calibration to forward passes with
 * simulated quantization and to the writers of checkpoints.
 *
 * <p>{@link org.modelopt.decision.Decisions} is made by {@code org.modelopt.quantize}, or read from
 * a checkpoint that is quantized already.
 */
@NullMarked
package org.modelopt.decision;

import org.jspecify.annotations.NullMarked;
