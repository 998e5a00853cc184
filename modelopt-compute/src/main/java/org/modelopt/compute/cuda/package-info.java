/** Computes on an NVIDIA GPU through the CUDA driver. */
@NullMarked
package org.modelopt.compute.cuda;

import org.jspecify.annotations.NullMarked;
