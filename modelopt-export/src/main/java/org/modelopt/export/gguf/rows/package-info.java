/**
 * The values of planned tensors: {@link org.modelopt.export.gguf.rows.RowSource} reads the rows of
 * a tensor of a GGUF file from the stored tensors that it is made of.
 */
@NullMarked
package org.modelopt.export.gguf.rows;

import org.jspecify.annotations.NullMarked;
