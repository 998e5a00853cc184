/**
 * What was decided for a model: the only thing that flows from calibration to forward passes with
 * simulated quantization and to the writers of checkpoints.
 *
 * <p>{@link org.modelopt.decision.Decisions} is made by {@code org.modelopt.quantize}, or read from
 * a checkpoint that is quantized already. It says of each linear what becomes of its weight ({@link
 * org.modelopt.decision.WeightDecision}) and of its input ({@link
 * org.modelopt.decision.InputDecision}), of each cache how it is stored, and of other parameters
 * (norms that took over factors) how they change.
 *
 * <p>Who writes or simulates does not interpret decisions: {@code QuantizedModel.form(linear, pass,
 * arena)} gives a linear as it is to be written (codes and scales or plain weight, bias, factors
 * and branch that stay beside it), and {@code QuantizedModel.parameter(name, pass, arena)} any
 * other stored tensor. Both give the same bits to everybody.
 *
 * <p>Decisions are small: scales of blocks are computed when a weight is written ({@link
 * org.modelopt.decision.Codes.ByRule}), and what was searched lies in a file and is mapped when it
 * is opened ({@link org.modelopt.decision.StoredTensor}).
 */
@NullMarked
package org.modelopt.decision;

import org.jspecify.annotations.NullMarked;
