/** Scales by a rule of one's own. */
@NullMarked
package org.modelopt.examples.calibrator;

import org.jspecify.annotations.NullMarked;
