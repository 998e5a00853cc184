package org.modelopt.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.modelopt.config.Config;
import org.modelopt.error.ConfigException;
import org.modelopt.export.Exports;
import org.modelopt.export.hf.ExportResult;
import org.modelopt.job.JobOptions;
import org.modelopt.publish.Publication;
import org.modelopt.quantize.QuantizedModel;
import picocli.CommandLine.Option;

/** What kind of checkpoint to write, and where to. */
final class ExportArguments {
  @Option(
      names = "--export",
      paramLabel = "hf",
      defaultValue = "hf",
      description = "Kind of checkpoint to write. Default: ${DEFAULT-VALUE}.")
  private String kind;

  @Option(
      names = "--out",
      required = true,
      paramLabel = "DIR",
      description =
          "Where to; must not exist yet or be empty. With several configs each gets a directory of"
              + " its name in it.")
  private Path out;

  @Option(
      names = "--shard-size",
      paramLabel = "MB",
      description = "Size at which a new shard begins, in 10^6 bytes. Default: 10000.")
  private @Nullable Long shardMegabytes;

  /** Refuses, before work begins, what could not be written in the end. */
  void check(List<Config> configs, long bytes) {
    if (!kind.equals("hf")) {
      throw new ConfigException("--export is hf, not \"" + kind + "\"");
    }
    if (shardMegabytes != null && shardMegabytes < 1) {
      throw new ConfigException("--shard-size must be at least 1 but is " + shardMegabytes);
    }
    for (Config config : configs) {
      if (configs.size() > 1 && !config.name().matches("[A-Za-z0-9_][A-Za-z0-9._+-]*")) {
        throw new ConfigException(
            "config \"%s\" cannot give its name to a directory in %s; call it by letters, digits and _"
                .formatted(config.name(), out));
      }
    }
    Publication.checkDirectory(out, bytes);
  }

  /** Writes all, or nothing; the results name the directories in their final place. */
  List<ExportResult> write(List<QuantizedModel> quantized, JobOptions options) {
    if (quantized.size() == 1) {
      return List.of(write(quantized.getFirst(), out, options));
    }
    List<ExportResult> results = new ArrayList<>();
    try (Publication publication = Publication.ofDirectory(out)) {
      for (QuantizedModel one : quantized) {
        String name = one.config().name();
        ExportResult staged = write(one, publication.path().resolve(name), options);
        results.add(new ExportResult(out.resolve(name), staged.tensorBytes(), staged.report()));
      }
      publication.commit();
    }
    return results;
  }

  private ExportResult write(QuantizedModel quantized, Path target, JobOptions options) {
    var exporting = Exports.huggingFace(quantized).with(options);
    if (shardMegabytes != null) {
      exporting = exporting.withShardBytes(shardMegabytes * 1_000_000);
    }
    return exporting.to(target);
  }
}
