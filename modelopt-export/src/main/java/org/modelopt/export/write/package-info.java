/**
 * Writing checkpoints of any kind: what is to be written, and the one loop that writes it.
 *
 * <p>A {@link org.modelopt.export.write.Target} looks at a quantized model and makes a {@link
 * org.modelopt.export.write.CheckpointPlan}: files with their tensors, and for each tensor which
 * linear or parameter of the model it is made from. {@link org.modelopt.export.write.Export}
 * carries out the plans of any number of targets in one pass: each weight is read once, what was
 * decided for it is applied, every target packs it, and it is let go. What was written is read
 * back, held against the rules of its consumers, given checksums and a model card, and published by
 * a rename.
 */
@NullMarked
package org.modelopt.export.write;

import org.jspecify.annotations.NullMarked;
