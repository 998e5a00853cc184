package org.modelopt.report;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.modelopt.error.ModelOptException;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** Reports as files. */
public final class ReportFiles {
  /** Name of the file for programs. */
  public static final String JSON = "report.json";

  /** Name of the page for people. */
  public static final String HTML = "report.html";

  private static final String DATA = "@DATA@";
  private static final JsonMapper MAPPER =
      JsonMapper.builder()
          .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
          .enable(SerializationFeature.INDENT_OUTPUT)
          .changeDefaultPropertyInclusion(
              inclusion -> inclusion.withValueInclusion(JsonInclude.Include.NON_ABSENT))
          .build();

  private ReportFiles() {}

  /**
   * Writes both files into {@code directory}, which is made if need be.
   *
   * @throws UncheckedIOException if they cannot be written
   */
  public static void write(Report report, Path directory) {
    try {
      Files.createDirectories(directory);
      Files.writeString(directory.resolve(JSON), json(report));
      Files.writeString(directory.resolve(HTML), html(List.of(report)));
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write the report into " + directory, e);
    }
  }

  /** The report as JSON, with a line feed at the end. */
  public static String json(Report report) {
    return MAPPER.writeValueAsString(report) + "\n";
  }

  /** A page that shows one report, or two side by side. */
  public static String html(List<Report> reports) {
    if (reports.isEmpty() || reports.size() > 2) {
      throw new IllegalArgumentException("a page shows 1 or 2 reports, not " + reports.size());
    }
    // Inside a script element only "<" could end it early.
    String data = MAPPER.writeValueAsString(Map.of("reports", reports)).replace("<", "\\u003c");
    return template().replace(DATA, data);
  }

  /**
   * Reads a report.
   *
   * @param path a {@code report.json}, or the directory it is in
   * @throws ModelOptException if it is missing or no report
   */
  public static Report read(Path path) {
    Path file = Files.isDirectory(path) ? path.resolve(JSON) : path;
    if (!Files.exists(file)) {
      throw new ModelOptException(
          "%s does not exist; give the directory or the report.json of a finished job"
              .formatted(file));
    }
    try {
      return MAPPER.readValue(file.toFile(), Report.class);
    } catch (JacksonException e) {
      throw new ModelOptException(
          "%s is no report of this program: %s".formatted(file, e.getOriginalMessage()), e);
    }
  }

  private static String template() {
    try (InputStream stream = ReportFiles.class.getResourceAsStream(HTML)) {
      return new String(
          Objects.requireNonNull(stream, HTML).readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
