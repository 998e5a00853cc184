/**
 * What a verification says: a {@link org.modelopt.export.verify.report.VerifyReport} with its
 * {@link org.modelopt.export.verify.report.Finding}s.
 *
 * <p>A finding says what is wrong, where (tensor, file), what was expected and found, why the
 * {@link org.modelopt.export.verify.report.Consumer} cares, and what to do. The rules of the
 * verifier report through {@link org.modelopt.export.verify.report.Findings}, with one {@link
 * org.modelopt.export.verify.report.Violation} constant per kind of defect.
 */
@NullMarked
package org.modelopt.export.verify.report;

import org.jspecify.annotations.NullMarked;
