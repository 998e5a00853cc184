/**
 * Figures of the CUDA backend on one card: bandwidth of kernels beside that of a device copy,
 * attention and a decoder layer beside the rate of matrix products, all in one run. Not JMH: the
 * work is on the device, so the clock runs from one synchronisation to the next, over many
 * launches.
 */
@NullMarked
package org.modelopt.benchmarks.gpu;

import org.jspecify.annotations.NullMarked;
