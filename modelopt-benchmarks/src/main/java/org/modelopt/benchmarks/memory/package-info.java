/**
 * How much memory a whole job takes, on checkpoints of any size made of random numbers.
 *
 * <p>{@link org.modelopt.benchmarks.memory.RandomLlama} writes a checkpoint; {@link
 * org.modelopt.benchmarks.memory.JobMemory} quantizes one and says what the job took. The figures
 * are in {@code docs/benchmarks.md}.
 */
@NullMarked
package org.modelopt.benchmarks.memory;

import org.jspecify.annotations.NullMarked;
