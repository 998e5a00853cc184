/**
 * Reading and writing of safetensors files and of checkpoints made of several of them.
 *
 * <p>{@link org.modelopt.safetensors.SafetensorsFile} is one file, {@link
 * org.modelopt.safetensors.SafetensorsCheckpoint} a directory of them. Both read headers only; a
 * tensor's bytes are mapped when it is opened and unmapped when the caller closes the arena it was
 * opened in, so that memory stays bounded whatever the size of the checkpoint:
 *
 * <pre>{@code
 * SafetensorsCheckpoint checkpoint = SafetensorsCheckpoint.open(directory);
 * try (Arena arena = Arena.ofShared()) {
 *   Tensor weight = checkpoint.open("lm_head.weight", arena);
 * }
 * }</pre>
 *
 * <p>Readers accept what the reference reader accepts, with these exceptions, all refused:
 * duplicate names (which the format forbids), shapes whose dimensions multiply beyond 2^63 even
 * beside a zero, and tensors written as arrays instead of objects. What is refused is refused
 * before any data is touched.
 *
 * <p>Source: safetensors, {@code README.md} ("Format") and {@code safetensors/src/tensor.rs}.
 */
@NullMarked
package org.modelopt.safetensors;

import org.jspecify.annotations.NullMarked;
