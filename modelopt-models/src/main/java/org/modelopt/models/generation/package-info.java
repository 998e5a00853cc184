/**
 * Text produced token by token.
 *
 * <p>{@link org.modelopt.models.generation.TextGenerator} appends tokens to a prompt with a cache
 * of keys and values until a stop; greedy unless a temperature is asked for, and then repeatable by
 * its seed.
 */
@NullMarked
package org.modelopt.models.generation;

import org.jspecify.annotations.NullMarked;
