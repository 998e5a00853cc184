/** The {@code modelopt} command: recipes, progress, reports. */
@NullMarked
package org.modelopt.cli;

import org.jspecify.annotations.NullMarked;
