/**
 * Computes on the CPU.
 *
 * <p>{@link org.modelopt.compute.cpu.CpuBackend} checks arguments, takes memory for results from a
 * pool and spreads the work over threads; {@link org.modelopt.compute.cpu.CpuBackendProvider} makes
 * it known to {@link org.modelopt.compute.Backends}. The work itself is done by rungs: plain Java,
 * which defines the results, and faster forms that are compared with it.
 */
@NullMarked
package org.modelopt.compute.cpu;

import org.jspecify.annotations.NullMarked;
