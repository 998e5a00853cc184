/**
 * Computes on the CPU.
 *
 * <p>{@link org.modelopt.compute.cpu.CpuBackend} checks arguments and takes memory for results from
 * a pool; {@link org.modelopt.compute.cpu.CpuBackendProvider} makes it known to {@link
 * org.modelopt.compute.Backends}. Operations are written once, over small arrays: they copy a block
 * from host memory, run a few loops of {@code Kernels} on it and copy the result back. The loops
 * exist in plain Java, which defines the results, and with the Vector API, which gives the same
 * bits at any width. Matrix products go to oneDNN where its library loads.
 *
 * <p>System properties: {@code modelopt.cpu.rung} ({@code scalar}, {@code vector}, {@code onednn})
 * forces one way to compute, {@code modelopt.cpu.vectorBits} (128, 256, 512) the vector width,
 * {@code modelopt.cache} names the directory where oneDNN's library is kept unpacked ({@code
 * .cache/modelopt} in the user's home).
 */
@NullMarked
package org.modelopt.compute.cpu;

import org.jspecify.annotations.NullMarked;
