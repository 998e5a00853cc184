package org.modelopt.export;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.ModelOpt;
import org.modelopt.config.Config;
import org.modelopt.job.JobOptions;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.models.pocket.PocketModel;

/**
 * Exports in shards that are killed, or cannot write on: nothing appears, and the next is whole.
 */
class InterruptedExportTest {
  private static final int STOP_AT = 12;
  private static final long SHARD_BYTES = 200_000;

  @TempDir private Path directory;
  private Path model;
  private Path target;

  @BeforeEach
  void extractTheModel() throws IOException {
    model = PocketModel.extract(directory.resolve("pocket"));
    target = Files.createDirectory(directory.resolve("out")).resolve("export");
  }

  /** Arguments: checkpoint, target, and "wait" to stop in the middle until killed. */
  static final class Program {
    private Program() {}

    public static void main(String[] args) {
      int[] updates = {0};
      JobOptions options =
          JobOptions.defaults()
              .withThreads(1)
              .withProgress(progress -> {
                if (args.length > 2 && ++updates[0] == STOP_AT) {
                  System.out.println("half");
                  System.out.flush();
                  waitForever();
                }
              });
      export(Path.of(args[0]), Path.of(args[1]), options);
    }

    private static void waitForever() {
      try {
        new CountDownLatch(1).await();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private static void export(Path model, Path target, JobOptions options) {
    try (HfModel opened = Models.load(model)) {
      Exports.compressedTensors(ModelOpt.quantize(opened, Config.INT8_WEIGHT_ONLY))
          .with(options)
          .withShardBytes(SHARD_BYTES)
          .to(target);
    }
  }

  private List<String> command(String... more) {
    List<String> command =
        new ArrayList<>(
            List.of(
                ProcessHandle.current().info().command().orElse("java"),
                "--add-modules=jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED",
                "-XX:+UseSerialGC",
                "-cp",
                System.getProperty("java.class.path"),
                Program.class.getName(),
                model.toString(),
                target.toString()));
    command.addAll(List.of(more));
    return command;
  }

  private List<String> beside() throws IOException {
    try (Stream<Path> all = Files.list(target.getParent())) {
      return all.map(path -> path.getFileName().toString()).sorted().toList();
    }
  }

  private void theNextIsWhole() throws IOException {
    export(model, target, JobOptions.defaults());
    Path undisturbed = directory.resolve("undisturbed");
    export(model, undisturbed, JobOptions.defaults());
    assertEquals(
        Files.readString(undisturbed.resolve("SHA256SUMS")),
        Files.readString(target.resolve("SHA256SUMS")));
    try (Stream<Path> all = Files.list(target)) {
      assertTrue(all.filter(path -> path.toString().endsWith(".safetensors")).count() > 3);
    }
    assertEquals(List.of("export"), beside());
  }

  @Test
  void killedInTheMiddleNothingAppears() throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(command("wait")).redirectError(ProcessBuilder.Redirect.DISCARD).start();
    assertEquals("half", process.inputReader(StandardCharsets.UTF_8).readLine());
    process.destroyForcibly().waitFor();
    assertFalse(Files.exists(target));
    theNextIsWhole();
  }

  /** The shell's limit on the size of files stands for the end of the disk. */
  @Test
  void whatCannotBeWrittenLeavesNothing() throws IOException, InterruptedException {
    assumeTrue(Files.isExecutable(Path.of("/bin/bash")), "needs bash to limit the size of files");
    List<String> limited =
        new ArrayList<>(List.of("/bin/bash", "-c", "ulimit -f 100; exec \"$@\"", "-"));
    limited.addAll(command());
    Process process = new ProcessBuilder(limited).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(1, process.waitFor(), output);
    assertTrue(output.contains("ExportException") && output.contains("cannot be written"), output);
    assertEquals(List.of(), beside());
    theNextIsWhole();
  }
}
