/**
 * Putting results where they belong, whole or not at all.
 *
 * <p>A {@link org.modelopt.publish.Publication} is a hidden place beside the target in which
 * everything is written first; committing makes it durable and moves it to the target in one step.
 * Nobody ever sees half a checkpoint, a failed job leaves nothing behind, and nothing that exists
 * is overwritten. {@link org.modelopt.publish.DiskSpace} says in time, or at least clearly, when
 * there is not enough room.
 *
 * <pre>{@code
 * try (Publication publication = Publication.ofDirectory(target)) {
 *   publication.requireFreeBytes(plan.fileBytes());
 *   write(publication.path());
 *   publication.commit();
 * }
 * }</pre>
 */
@NullMarked
package org.modelopt.publish;

import org.jspecify.annotations.NullMarked;
