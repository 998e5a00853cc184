package org.modelopt.export.gguf;

import java.nio.file.Path;
import org.modelopt.export.verify.report.VerifyReport;

/**
 * What an export produced.
 *
 * @param path where it was published
 * @param fileBytes size of the file
 * @param report what the check before publishing found
 */
public record GgufResult(Path path, long fileBytes, VerifyReport report) {}
