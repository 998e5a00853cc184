/**
 * Samples that a model is shown: text or numbers for calibration and evaluation.
 *
 * <p>{@link org.modelopt.data.CalibrationData} describes a source and how much of it to take; a
 * model's {@link org.modelopt.data.TextEncoder} turns text into token ids; {@link
 * org.modelopt.data.SampleSet} is what came of it, with an account of what was left out. Files are
 * read as streams, and no further than the samples asked for reach. Nothing here runs a model.
 *
 * <pre>{@code
 * CalibrationData data = CalibrationData.jsonl(Path.of("chat.jsonl")).samples(512).maxLength(2048);
 * SampleSet samples = data.read(model.textEncoder());
 * }</pre>
 */
@NullMarked
package org.modelopt.data;

import org.jspecify.annotations.NullMarked;
