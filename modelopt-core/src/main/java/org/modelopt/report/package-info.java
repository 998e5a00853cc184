/**
 * What a job did, for people and for programs: a {@link org.modelopt.report.Report} as {@code
 * report.json} and as {@code report.html}, one file that needs no network.
 *
 * <p>{@link org.modelopt.report.ReportFiles} writes and reads them; two reports in one page stand
 * side by side. Not here: measuring what is reported.
 */
@NullMarked
package org.modelopt.report;

import org.jspecify.annotations.NullMarked;
