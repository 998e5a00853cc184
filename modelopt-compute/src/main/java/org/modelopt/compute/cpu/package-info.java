/** Computes on the CPU: scalar code, the Vector API, and a native matrix product. */
@NullMarked
package org.modelopt.compute.cpu;

import org.jspecify.annotations.NullMarked;
