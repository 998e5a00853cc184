/**
 * How fast tensors become codes and codes tensors, next to copying the same bytes.
 *
 * <p>{@link org.modelopt.benchmarks.formats.FormatBenchmark} is the JMH class; {@link
 * org.modelopt.benchmarks.formats.FormatTable} runs it format by format, each beside its own copy,
 * and prints the table of {@code docs/benchmarks.md}; {@link
 * org.modelopt.benchmarks.formats.FormatTurns} is a quick look at the same.
 */
@NullMarked
package org.modelopt.benchmarks.formats;

import org.jspecify.annotations.NullMarked;
