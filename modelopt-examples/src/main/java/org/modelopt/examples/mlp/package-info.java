/** A network of an application's own, quantized by the same API as a language model. */
@NullMarked
package org.modelopt.examples.mlp;

import org.jspecify.annotations.NullMarked;
