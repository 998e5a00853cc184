package org.modelopt.data;

import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * What is wanted of a source.
 *
 * @param samples most samples to take, if the caller said
 * @param maxLength most tokens of each, if the caller said
 * @param seed of a random choice among all records; without one the first are taken
 * @param packed whether records are joined and cut into samples of exactly the maximum length
 */
record SampleRequest(
    OptionalInt samples, OptionalInt maxLength, OptionalLong seed, boolean packed) {}
