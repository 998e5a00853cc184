/** Quantization inside a long-running process. */
@NullMarked
package org.modelopt.examples.service;

import org.jspecify.annotations.NullMarked;
