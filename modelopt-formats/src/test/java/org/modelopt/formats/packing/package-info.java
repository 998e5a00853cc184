/** Tests of packings. */
@NullMarked
package org.modelopt.formats.packing;

import org.jspecify.annotations.NullMarked;
