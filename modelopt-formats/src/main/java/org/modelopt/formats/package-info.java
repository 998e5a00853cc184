/** How numbers are stored: codecs and scale arithmetic of the quantized formats. */
@NullMarked
package org.modelopt.formats;

import org.jspecify.annotations.NullMarked;
