package org.modelopt.cli;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.modelopt.error.ConfigException;
import org.modelopt.job.JobOptions;
import org.modelopt.job.Journal;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;

/** Where a job writes down how far it is, and whether it goes on from there. */
final class JournalArguments {
  @Option(
      names = "--job-dir",
      paramLabel = "DIR",
      description =
          "Keep there, layer by layer, what was found out, so that a job that is killed can go on."
              + " May be deleted after the job.")
  private @Nullable Path directory;

  @Option(
      names = "--resume",
      description =
          "Go on with the job in --job-dir, with the result of a job that was never killed; begin"
              + " one if there is none.")
  private boolean resume;

  /** Says, if the process is told to end before this is closed, how the job can go on. */
  Interruption onInterruption(CommandSpec command) {
    List<String> arguments = command.commandLine().getParseResult().originalArgs();
    String line = "modelopt " + String.join(" ", arguments);
    return new Interruption(
        command.commandLine().getErr(),
        directory == null
            ? "interrupted; nothing was written. With --job-dir DIR a job can go on where it was"
            : "interrupted; go on with: " + (resume ? line : line + " --resume"));
  }

  JobOptions addTo(JobOptions options) {
    if (directory == null) {
      if (resume) {
        throw new ConfigException("--resume needs --job-dir DIR, where the job was kept");
      }
      return options;
    }
    if (!resume && Journal.isIn(directory)) {
      throw new ConfigException(
          directory
              + ": a job was kept there before; go on with it by --resume, or give another"
              + " --job-dir");
    }
    return options.withJobDirectory(directory);
  }
}
