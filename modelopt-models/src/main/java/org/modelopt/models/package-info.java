/** What it is done to: checkpoints, tokenizers, datasets, architectures. */
@NullMarked
package org.modelopt.models;

import org.jspecify.annotations.NullMarked;
