/** Exports as a whole: every kind with every format, and how long conversions take. */
@NullMarked
package org.modelopt.benchmarks.exports;

import org.jspecify.annotations.NullMarked;
