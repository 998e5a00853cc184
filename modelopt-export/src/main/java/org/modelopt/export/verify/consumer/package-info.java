/**
 * What each consumer makes of an export: {@link org.modelopt.export.verify.consumer.ConsumerRules}
 * with one implementation for each.
 *
 * <p>The heart is {@link org.modelopt.export.verify.consumer.ExclusionRule}: the same list of names
 * excludes different layers for vLLM (exact, substring, shell pattern, on the path of the joined
 * layer), SGLang (whole dotted parts) and TensorRT-LLM (shell patterns). A layer is right only if
 * its tensors on disk are what the consumer will look for.
 */
@NullMarked
package org.modelopt.export.verify.consumer;

import org.jspecify.annotations.NullMarked;
