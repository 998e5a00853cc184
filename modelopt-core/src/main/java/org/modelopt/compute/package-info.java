/**
 * Contracts of computation: what layers and algorithms ask of a device, and the thread pool of the
 * host.
 *
 * <p>A {@link org.modelopt.compute.Backend} runs operations on tensors; results live in a {@link
 * org.modelopt.compute.Scope} and are gone when it closes. Backends are found through {@link
 * java.util.ServiceLoader}; {@link org.modelopt.compute.Backends} chooses one. {@link
 * org.modelopt.compute.Workers} spreads host work over threads so that results do not depend on
 * their number.
 *
 * <p>Implementations live in the module {@code modelopt-compute} ({@code org.modelopt.compute.cpu},
 * {@code org.modelopt.compute.cuda}); number formats in {@code org.modelopt.numeric}.
 */
@NullMarked
package org.modelopt.compute;

import org.jspecify.annotations.NullMarked;
