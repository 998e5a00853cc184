/** The shortest program that does the whole job. */
@NullMarked
package org.modelopt.examples.quickstart;

import org.jspecify.annotations.NullMarked;
