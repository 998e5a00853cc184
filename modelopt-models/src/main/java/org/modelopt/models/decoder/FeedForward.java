package org.modelopt.models.decoder;

/** The second branch of a decoder block. */
public sealed interface FeedForward permits GatedFeedForward, ExpertFeedForward {}
