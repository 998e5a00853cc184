package org.modelopt.export.verify.report;

/**
 * A kind of finding: what can be wrong, independent of the place where it is.
 *
 * @param what the defect in a few words, for example {@code missing tensor}
 * @param why why the consumer cares: what it would do with such a checkpoint
 * @param remedy what to do about it
 */
public record Violation(String what, String why, String remedy) {}
