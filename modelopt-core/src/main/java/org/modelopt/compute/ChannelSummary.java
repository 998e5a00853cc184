package org.modelopt.compute;

/**
 * Per-channel figures of an activation matrix {@code [t, c]}, exact or in fixed order. The arrays
 * belong to the caller that asked for them.
 *
 * @param rows number of rows t
 * @param amax largest magnitude per channel; NaN where a channel holds a NaN
 * @param absoluteSum sum of magnitudes per channel, float64 in row order
 */
@SuppressWarnings("ArrayRecordComponent") // a transfer object, made once and merged at once
public record ChannelSummary(long rows, float[] amax, double[] absoluteSum) {}
