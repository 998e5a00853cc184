package org.modelopt.compute.cpu;

/**
 * How the heads of a row are rotated.
 *
 * @param heads heads per row
 * @param headSize elements per head
 * @param half number of rotated pairs per head; element i is paired with i + half
 * @param cos F32 {@code [positions, half]}
 * @param sin F32 {@code [positions, half]}
 */
record Rotation(int heads, int headSize, int half, Elements cos, Elements sin) {}
