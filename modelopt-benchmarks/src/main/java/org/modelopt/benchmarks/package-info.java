/** Benchmarks that say what they measure. */
@NullMarked
package org.modelopt.benchmarks;

import org.jspecify.annotations.NullMarked;
