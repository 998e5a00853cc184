package org.modelopt.models;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.config.Config;
import org.modelopt.error.ModelOptException;
import org.modelopt.job.JobOptions;
import org.modelopt.models.pocket.PocketModel;

class ResumeTest {
  @TempDir private Path temporary;
  private Path model;
  private Path job;

  @BeforeEach
  void extractTheModel() {
    model = PocketModel.extract(temporary.resolve("pocket"));
    job = temporary.resolve("job");
  }

  private String run(List<Config> configs, JobOptions options) {
    return PocketJob.run(model, configs, PocketJob.samples(24, 0), options);
  }

  @Test
  void aJobKilledAtTwentyRandomPointsGivesTheSameResult() throws Exception {
    String undisturbed = run(PocketJob.CONFIGS, JobOptions.defaults().withThreads(2));
    Random random = new Random(20);
    int kills = 0;
    int jobs = 0;
    while (kills < 20) {
      Path directory = temporary.resolve("job" + jobs++);
      Path output = temporary.resolve("output" + jobs);
      boolean finished = false;
      while (!finished) {
        Process process = start(directory, output);
        int wait = kills < 20 ? 350 + random.nextInt(1200) : 60_000;
        finished = process.waitFor(wait, TimeUnit.MILLISECONDS);
        if (finished) {
          assertEquals(0, process.exitValue());
        } else {
          process.destroyForcibly().waitFor();
          kills++;
        }
      }
      assertEquals(undisturbed, Files.readString(output));
    }
  }

  private Process start(Path directory, Path output) throws IOException {
    return new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--add-modules=jdk.incubator.vector",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
            PocketJob.class.getName(),
            model.toString(),
            directory.toString(),
            output.toString())
        .redirectErrorStream(true)
        .redirectOutput(new File(output + ".log"))
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
            () -> PocketJob.run(model, PocketJob.CONFIGS, PocketJob.samples(24, 1), options));
    assertTrue(data.getMessage().contains("with different data;"), data.getMessage());
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
