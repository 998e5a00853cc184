/** Runnable examples, one class each. */
@NullMarked
package org.modelopt.examples;

import org.jspecify.annotations.NullMarked;
