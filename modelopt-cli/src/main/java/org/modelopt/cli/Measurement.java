package org.modelopt.cli;

import tools.jackson.databind.node.ObjectNode;

/**
 * What an evaluation found.
 *
 * @param figures for machines, and to be a {@link Baseline} later
 * @param text for people
 */
record Measurement(ObjectNode figures, String text) {}
