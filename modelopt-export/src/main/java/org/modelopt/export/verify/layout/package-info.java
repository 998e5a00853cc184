/**
 * What a model consists of before quantization, computed from {@code config.json} so that the
 * exporter's idea of it plays no part.
 *
 * <p>{@link org.modelopt.export.verify.layout.ModelLayouts} finds the {@link
 * org.modelopt.export.verify.layout.ModelLayout}: its {@link
 * org.modelopt.export.verify.layout.LinearModule}s with shapes, and all other tensors. {@link
 * org.modelopt.export.verify.layout.Fusing} knows which of them servers join. Another architecture
 * is one more method in the table of architectures.
 *
 * <p>Source: transformers, {@code src/transformers/models/*}, and the checkpoints on the hub.
 */
@NullMarked
package org.modelopt.export.verify.layout;

import org.jspecify.annotations.NullMarked;
