/**
 * Checks of classic TensorRT-LLM checkpoints: {@link org.modelopt.export.verify.ranks.RankCheck}.
 *
 * <p>Written from the description of the loader, without anything of the exporter: which tensors a
 * rank has and their shapes follow from {@code config.json} alone, and values are compared part by
 * part with the original checkpoint.
 */
@NullMarked
package org.modelopt.export.verify.ranks;

import org.jspecify.annotations.NullMarked;
