package org.modelopt.export.write;

import java.nio.file.Path;
import org.modelopt.export.verify.report.VerifyReport;

/**
 * What an export produced.
 *
 * @param path where it was published
 * @param format name of the format for people
 * @param tensorBytes size of all tensors
 * @param report what the check before publishing found
 */
public record ExportResult(Path path, String format, long tensorBytes, VerifyReport report) {
  /** The same result under the path it was moved to. */
  public ExportResult at(Path moved) {
    return new ExportResult(moved, format, tensorBytes, report);
  }
}
