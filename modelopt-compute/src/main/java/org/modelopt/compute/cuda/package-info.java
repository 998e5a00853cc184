/**
 * Computes on an NVIDIA GPU through the CUDA driver.
 *
 * <p>{@link org.modelopt.compute.cuda.CudaBackendProvider} asks once whether the driver's library
 * is there; without it, opening is refused with one line and nothing else of this package is
 * touched. {@link org.modelopt.compute.cuda.CudaBackend} holds one device: a pool of its memory,
 * pinned host memory for transfers, one stream for computation and one for uploads. Kernels are
 * CUDA C++ in {@code src/main/cuda}; their PTX is checked in beside the class files' resources and
 * compiled for the card by the driver. Matrix products go to cuBLAS, through JCublas where cuBLAS
 * 12 is installed and through the foreign-function interface otherwise.
 *
 * <p>{@link org.modelopt.compute.cuda.CudaModule} and {@link
 * org.modelopt.compute.cuda.KernelArguments} let other modules bring kernels of their own.
 */
@NullMarked
package org.modelopt.compute.cuda;

import org.jspecify.annotations.NullMarked;
