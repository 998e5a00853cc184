/**
 * How fast models run forward: {@link org.modelopt.benchmarks.forward.PrefillBenchmark} compares a
 * whole model with its matrix products alone, in the same run.
 */
@NullMarked
package org.modelopt.benchmarks.forward;

import org.jspecify.annotations.NullMarked;
