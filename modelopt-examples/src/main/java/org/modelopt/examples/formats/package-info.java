/** Choosing formats: several in one model, several from one pass. */
@NullMarked
package org.modelopt.examples.formats;

import org.jspecify.annotations.NullMarked;
