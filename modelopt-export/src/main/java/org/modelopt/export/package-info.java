/**
 * Where quantized models go: {@link org.modelopt.export.Exports} is the entrance, one package per
 * target below it.
 *
 * <p>A writer reads each weight once, applies its decision, packs, and writes; it never holds the
 * model. What it wrote is read back and held against the rules of the consumers it is meant for
 * ({@code org.modelopt.export.verify}) before it appears under its final name.
 */
@NullMarked
package org.modelopt.export;

import org.jspecify.annotations.NullMarked;
