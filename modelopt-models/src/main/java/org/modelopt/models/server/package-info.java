/**
 * A model behind the completion interface that OpenAI's clients and lm-evaluation-harness speak.
 *
 * <p>{@link org.modelopt.models.server.CompletionServer} listens on the loopback address, runs one
 * request after the other, keeps a bounded number waiting and refuses the rest.
 */
@NullMarked
package org.modelopt.models.server;

import org.jspecify.annotations.NullMarked;
