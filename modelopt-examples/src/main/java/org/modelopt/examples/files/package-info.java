/** Reading and writing checkpoint files without quantizing. */
@NullMarked
package org.modelopt.examples.files;

import org.jspecify.annotations.NullMarked;
