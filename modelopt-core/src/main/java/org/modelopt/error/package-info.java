/**
 * Exceptions of the library: what was wrong, where, and what to do about it.
 *
 * <p>Every checked failure is a {@link org.modelopt.error.ModelOptException}. Its subclasses say
 * whose side the fault is on: {@link org.modelopt.error.CheckpointException} for files that were
 * read, {@link org.modelopt.error.ConfigException} for what was asked for, {@link
 * org.modelopt.error.DataException} for calibration and evaluation data, {@link
 * org.modelopt.error.ExportException} for what was to be written and {@link
 * org.modelopt.error.DeviceException} for compute devices. A plain {@link
 * java.lang.IllegalArgumentException} is a caller's programming mistake.
 */
@NullMarked
package org.modelopt.error;

import org.jspecify.annotations.NullMarked;
