package org.modelopt.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.modelopt.compute.Precision;
import org.modelopt.error.ConfigException;
import org.modelopt.job.JobOptions;
import org.modelopt.job.Progress;
import picocli.CommandLine.Option;

/** Options of every command that runs a model. */
final class JobArguments {
  @Option(
      names = "--precision",
      paramLabel = "float32|bf16",
      description = "Type of activations and weights in forward passes.")
  private @Nullable String precision;

  @Option(
      names = "--device",
      paramLabel = "auto|cpu|cuda|cuda:N",
      defaultValue = "auto",
      description =
          "Where to compute: on the first NVIDIA GPU if there is one (auto), on the CPU, on the"
              + " first GPU, or on GPU number N, from 0. Default: ${DEFAULT-VALUE}.")
  private String device = "auto";

  @Option(names = "--threads", paramLabel = "N", description = "Host threads. Default: all.")
  private @Nullable Integer threads;

  @Option(
      names = "--activation-memory",
      paramLabel = "MIB",
      defaultValue = "1024",
      description =
          "Memory for activations between two layers; more goes to a file. Default:"
              + " ${DEFAULT-VALUE} MiB.")
  private long activationMebibytes = 1024;

  @Option(
      names = "--work-dir",
      paramLabel = "DIR",
      description = "Where that file is made. Default: the system's temporary directory.")
  private @Nullable Path workDirectory;

  JobOptions options(Progress.Listener progress, Optional<Precision> otherwise) {
    JobOptions defaults = JobOptions.defaults();
    if (threads != null && threads < 1) {
      throw new ConfigException("--threads must be at least 1 but is " + threads);
    }
    if (activationMebibytes < 0 || activationMebibytes > Long.MAX_VALUE >> 20) {
      throw new ConfigException(
          "--activation-memory must be a number of MiB that is not negative but is "
              + activationMebibytes);
    }
    if (workDirectory != null && !Files.isDirectory(workDirectory)) {
      throw new ConfigException(
          "--work-dir " + workDirectory + " is not a directory; make it, or name another");
    }
    return new JobOptions(
        device.equals("auto") ? Optional.empty() : Optional.of(device),
        threads == null ? defaults.threads() : threads,
        precision == null ? otherwise : Optional.of(parse(precision)),
        activationMebibytes << 20,
        Optional.ofNullable(workDirectory),
        progress);
  }

  private static Precision parse(String name) {
    return switch (name.toLowerCase(Locale.ROOT)) {
      case "float32", "fp32", "f32" -> Precision.FLOAT32;
      case "bfloat16", "bf16" -> Precision.BFLOAT16;
      default -> throw new ConfigException("--precision is float32 or bf16, not \"" + name + "\"");
    };
  }
}
