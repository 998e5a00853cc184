package org.modelopt.models;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.config.Config;
import org.modelopt.error.ModelOptException;
import org.modelopt.job.JobOptions;
import org.modelopt.models.pocket.PocketModel;

class ResumeTest {
  private static final int KILLS = 20;

  @TempDir private Path temporary;
  private Path model;
  private Path job;

  @BeforeEach
  void extractTheModel() {
    model = PocketModel.extract(temporary.resolve("pocket"));
    job = temporary.resolve("job");
  }

  private String run(List<Config> configs, JobOptions options) {
    return PocketJob.run(model, configs, PocketJob.samples(PocketJob.SAMPLES, 0), options);
  }

  /**
   * The job's process is stopped at random points and its directory copied: what it would have left
   * had it been killed there. At the last point it is killed. Every copy is finished in this
   * process.
   */
  @Test
  @DisabledOnOs(OS.WINDOWS) // processes cannot be stopped there
  void aJobKilledAtTwentyRandomPointsGivesTheSameResult() throws Exception {
    String undisturbed = run(PocketJob.CONFIGS, JobOptions.defaults().withThreads(2));
    Random random = new Random(20);
    int n = PocketJob.SAMPLES;
    // Half of them within layers, half where layers end and are written down.
    int[] points =
        IntStream.range(0, KILLS)
            .map(i -> i % 2 == 0 ? 1 + random.nextInt(4 * n) : n * (1 + random.nextInt(4)))
            .sorted()
            .toArray();
    List<Path> left = new ArrayList<>();
    Path directory = temporary.resolve("job");
    Path ticks = temporary.resolve("ticks");
    Process process = start(directory, ticks);
    try {
      for (int i = 0; i < KILLS; i++) {
        while (process.isAlive() && (!Files.exists(ticks) || Files.size(ticks) < points[i])) {
          Thread.sleep(1);
        }
        LockSupport.parkNanos(random.nextInt(8_000_000));
        assertTrue(Files.exists(ticks) && Files.size(ticks) > 0, "it did not begin");
        if (i < KILLS - 1) {
          left.add(stoppedCopy(process, directory, temporary.resolve("left" + i)));
        }
      }
    } finally {
      process.destroyForcibly().waitFor();
    }
    left.add(directory);
    Set<String> finished = new HashSet<>();
    for (Path journal : left) {
      if (finished.add(content(journal))) { // what equals another, byte for byte, gives the same
        JobOptions options = JobOptions.defaults().withJobDirectory(journal);
        assertEquals(undisturbed, run(PocketJob.CONFIGS, options), journal.toString());
      }
    }
    assertTrue(finished.size() > 2, "different states were seen: " + finished.size());
  }

  private static String content(Path directory) throws IOException {
    StringBuilder content = new StringBuilder();
    try (Stream<Path> files = Files.list(directory)) {
      for (Path file : files.sorted().toList()) {
        content.append(file.getFileName()).append(' ');
        content.append(HexFormat.of().formatHex(Files.readAllBytes(file))).append('\n');
      }
    }
    return content.toString();
  }

  private static Path stoppedCopy(Process process, Path from, Path to) throws Exception {
    signal(process, "-STOP");
    Files.createDirectory(to);
    try (Stream<Path> files = Files.list(from)) {
      for (Path file : files.toList()) {
        Files.copy(file, to.resolve(file.getFileName()));
      }
    }
    signal(process, "-CONT");
    return to;
  }

  private static void signal(Process process, String signal) throws Exception {
    new ProcessBuilder("kill", signal, Long.toString(process.pid())).start().waitFor();
  }

  private Process start(Path directory, Path ticks) throws IOException {
    return new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--add-modules=jdk.incubator.vector",
            "-cp",
            System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
            PocketJob.class.getName(),
            model.toString(),
            directory.toString(),
            ticks.toString())
        .redirectErrorStream(true)
        .redirectOutput(new File(directory + ".log"))
        .start();
  }

  @Test
  void theResultDoesNotDependOnThreadsSpillingOrTheJournal() {
    String plain = run(PocketJob.CONFIGS, JobOptions.defaults().withThreads(1));
    JobOptions two = JobOptions.defaults().withThreads(2);
    assertEquals(plain, run(PocketJob.CONFIGS, two));
    assertEquals(plain, run(PocketJob.CONFIGS, two.withJobDirectory(job)));
    assertEquals(plain, run(PocketJob.CONFIGS, two.withJobDirectory(job)), "read back");
    JobOptions spilling = two.withActivationLimit(5000, temporary);
    assertEquals(plain, run(PocketJob.CONFIGS, spilling.withJobDirectory(job.resolve("spill"))));
  }

  @Test
  void severalConfigsInOnePassGiveWhatEachGivesAlone() {
    JobOptions options = JobOptions.defaults();
    String together = run(PocketJob.CONFIGS, options);
    String first = run(PocketJob.CONFIGS.subList(0, 1), options);
    assertTrue(together.startsWith(first), together);
  }

  @Test
  void anotherJobsJournalIsRefusedAndTheDifferenceNamed() {
    JobOptions options = JobOptions.defaults().withJobDirectory(job);
    run(PocketJob.CONFIGS, options);
    ModelOptException config =
        assertThrows(ModelOptException.class, () -> run(List.of(Config.FP8_DEFAULT), options));
    assertTrue(config.getMessage().contains("with different config;"), config.getMessage());
    ModelOptException data =
        assertThrows(
            ModelOptException.class,
            () ->
                PocketJob.run(
                    model, PocketJob.CONFIGS, PocketJob.samples(PocketJob.SAMPLES, 1), options));
    assertTrue(data.getMessage().contains("with different data;"), data.getMessage());
  }

  @Test
  void whatAKilledCommitLeftBehindIsOvercome() throws IOException {
    JobOptions options = JobOptions.defaults().withJobDirectory(job);
    String plain = run(PocketJob.CONFIGS, options);
    for (int layer = 1; layer < 5; layer++) {
      Files.delete(job.resolve("layer-0000" + layer + ".txt"));
    }
    Files.write(job.resolve("layer-00001.safetensors"), new byte[] {1, 2, 3});
    Files.write(job.resolve("inputs-00001.safetensors.new"), new byte[] {1, 2, 3});
    Files.write(job.resolve("inputs-00002.safetensors"), new byte[] {1, 2, 3});
    Files.writeString(job.resolve("layer-00001.txt.new"), "layer-0");
    assertEquals(
        plain, run(PocketJob.CONFIGS, options), "inputs of layer 1 are gone: from layer 0");
  }

  @Test
  void aDamagedJournalIsDetected() throws IOException {
    JobOptions options = JobOptions.defaults().withJobDirectory(job);
    run(PocketJob.CONFIGS, options);
    Path file;
    try (Stream<Path> files = Files.list(job)) {
      file = files.filter(f -> f.toString().endsWith(".safetensors")).findFirst().orElseThrow();
    }
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length - 1] ^= 1;
    Files.write(file, bytes);
    ModelOptException e =
        assertThrows(ModelOptException.class, () -> run(PocketJob.CONFIGS, options));
    assertTrue(e.getMessage().contains("is missing or damaged"), e.getMessage());
  }
}
