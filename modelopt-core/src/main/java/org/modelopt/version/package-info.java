/** The version of this library, for everything that writes it into files and messages. */
@NullMarked
package org.modelopt.version;

import org.jspecify.annotations.NullMarked;
