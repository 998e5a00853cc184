/**
 * What a job found out about the quality of what it decided, in figures that need no second run.
 *
 * <p>{@link org.modelopt.report.LinearReport} says it for one linear; a {@code QuantizedModel}
 * carries one for each that was quantized.
 */
@NullMarked
package org.modelopt.report;

import org.jspecify.annotations.NullMarked;
