/** Tests of codecs. */
@NullMarked
package org.modelopt.formats.codec;

import org.jspecify.annotations.NullMarked;
