package org.modelopt.export;

import java.nio.file.Path;
import org.modelopt.export.verify.VerifyReport;

/**
 * What an export produced.
 *
 * @param path where it was published
 * @param tensorBytes size of all tensors
 * @param report what the check before publishing found
 */
public record ExportResult(Path path, long tensorBytes, VerifyReport report) {}
