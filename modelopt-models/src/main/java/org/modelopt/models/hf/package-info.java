/**
 * The files of a HuggingFace checkpoint directory other than its tensors.
 *
 * <p>{@link org.modelopt.models.hf.HfConfig} reads fields of config.json and tells what is wrong
 * with them; {@link org.modelopt.models.hf.TensorCheck} holds the tensors against what the config
 * calls for; {@link org.modelopt.models.hf.CompanionFiles} are those that every export carries
 * over.
 */
@NullMarked
package org.modelopt.models.hf;

import org.jspecify.annotations.NullMarked;
