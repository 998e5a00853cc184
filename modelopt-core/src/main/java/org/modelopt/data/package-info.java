/**
 * Samples that a model is shown: text or numbers for calibration and evaluation.
 *
 * <p>{@link org.modelopt.data.CalibrationData} describes a source and how much of it to take; a
 * model's {@link org.modelopt.data.TextEncoder} turns text into token ids. Nothing here runs a model.
 */
@NullMarked
package org.modelopt.data;

import org.jspecify.annotations.NullMarked;
