/**
 * The files of an export: {@link org.modelopt.export.verify.checkpoint.ExportDirectory} reads index
 * and safetensors headers, {@link org.modelopt.export.verify.checkpoint.JsonFiles} the
 * configuration.
 *
 * <p>Both turn what is malformed into findings and go on with what is left, so that one run names
 * as many defects as possible. Source: safetensors, {@code README.md} ("Format"); transformers,
 * {@code modeling_utils.py} (index and shards).
 */
@NullMarked
package org.modelopt.export.verify.checkpoint;

import org.jspecify.annotations.NullMarked;
