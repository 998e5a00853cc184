package org.modelopt.job;

import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.stream.Collectors;
import java.util.zip.CRC32C;
import org.modelopt.error.ModelOptException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a job has done so far, on disk. After each layer its decisions and statistics and the inputs
 * of the next layer are durable, and only then is the layer's record, with sizes and checksums,
 * moved to its name; so a record that is there means that everything it names was complete. A job
 * that is killed at any moment loses at most the layer it was working on.
 *
 * <p>Files: {@code job.txt} (the {@link Fingerprint}), {@code layer-N.txt} (the record), {@code
 * layer-N.safetensors}, {@code inputs-N.safetensors} (only the newest), {@code lock}.
 */
public final class Journal implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Journal.class);

  private final Path directory;
  private final FileChannel lock;
  private int completed;

  private Journal(Path directory, FileChannel lock) {
    this.directory = directory;
    this.lock = lock;
  }

  /**
   * Opens the journal in {@code directory}, which is made if it is not there.
   *
   * @param fingerprint what the result depends on
   * @throws ModelOptException if it belongs to another job, is damaged, in use, or cannot be
   *     written
   */
  public static Journal open(Path directory, SequencedMap<String, String> fingerprint) {
    try {
      Files.createDirectories(directory);
      FileChannel lock =
          FileChannel.open(
              directory.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      Journal journal = new Journal(directory, lock);
      try {
        journal.acquire();
        journal.check(fingerprint);
        journal.completed = journal.countLayers();
        return journal;
      } catch (IOException | RuntimeException e) {
        journal.close();
        throw e;
      }
    } catch (IOException e) {
      throw failure(directory, e);
    }
  }

  private static ModelOptException failure(Path path, IOException e) {
    return new ModelOptException(
        path + ": the job's journal cannot be kept there (" + e + "); choose another directory", e);
  }

  private void acquire() throws IOException {
    FileLock held = null;
    try {
      held = lock.tryLock();
    } catch (OverlappingFileLockException e) {
      LOG.debug("{}: locked by this process", directory);
    }
    if (held == null) {
      throw new ModelOptException(
          directory + ": another job is at work there; wait for it or choose another directory");
    }
  }

  private void check(SequencedMap<String, String> fingerprint) throws IOException {
    Path file = directory.resolve("job.txt");
    if (!Files.exists(file)) {
      String text =
          fingerprint.entrySet().stream()
              .map(entry -> entry.getKey() + " " + entry.getValue() + "\n")
              .collect(Collectors.joining());
      writeDurably(file, text);
      return;
    }
    List<String> lines = Files.readAllLines(file, StandardCharsets.UTF_8);
    List<String> different = new ArrayList<>();
    for (Map.Entry<String, String> entry : fingerprint.entrySet()) {
      if (!lines.contains(entry.getKey() + " " + entry.getValue())) {
        different.add(entry.getKey());
      }
    }
    if (!different.isEmpty()) {
      throw new ModelOptException(
          "%s: holds the journal of another job, with different %s; give the job as it was, or another directory"
              .formatted(directory, String.join(", ", different)));
    }
  }

  private int countLayers() {
    int count = 0;
    while (Files.exists(record(count))) {
      count++;
    }
    return count;
  }

  /** Number of layers, from the first on, that are done. */
  public int completedLayers() {
    return completed;
  }

  private Path record(int layer) {
    return directory.resolve("layer-%05d.txt".formatted(layer));
  }

  private Path decisions(int layer) {
    return directory.resolve("layer-%05d.safetensors".formatted(layer));
  }

  private Path inputs(int layer) {
    return directory.resolve("inputs-%05d.safetensors".formatted(layer));
  }

  /**
   * Makes a layer durable.
   *
   * @param next inputs of the next layer, if it will be run
   * @return the step with its large tensors in the journal
   */
  public JobStep commit(int layer, JobStep step, Optional<Activations> next) {
    try {
      Files.deleteIfExists(decisions(layer)); // left by a job that was killed
      DecisionFile.write(decisions(layer), step);
      StringBuilder text = new StringBuilder(describe(decisions(layer)));
      if (next.isPresent()) {
        Files.deleteIfExists(inputs(layer + 1));
        next.get().write(inputs(layer + 1));
        text.append(describe(inputs(layer + 1)));
      }
      flushDirectory();
      writeDurably(record(layer), text.toString());
      Files.deleteIfExists(inputs(layer));
      completed = layer + 1;
      return DecisionFile.read(decisions(layer), step.decisions().size());
    } catch (IOException e) {
      throw failure(directory, e);
    }
  }

  /**
   * What was found out in {@code layer}.
   *
   * @throws ModelOptException if its files are damaged
   */
  public JobStep step(int layer, int configs) {
    verify(layer, decisions(layer));
    return DecisionFile.read(decisions(layer), configs);
  }

  /**
   * The inputs of {@code layer}, the first that is not done.
   *
   * @throws ModelOptException if they are damaged
   */
  public Activations inputs(int layer, int samples, Pass pass, JobOptions options) {
    verify(layer - 1, inputs(layer));
    return Activations.read(inputs(layer), samples, pass, options);
  }

  private void verify(int layer, Path file) {
    try {
      if (!Files.exists(file)
          || !Files.readString(record(layer), StandardCharsets.UTF_8).contains(describe(file))) {
        throw new ModelOptException(
            file + ": is missing or damaged; remove " + directory + " and start the job again");
      }
    } catch (IOException e) {
      throw failure(file, e);
    }
  }

  /** Flushes {@code file} and gives its line of a record: name, bytes, CRC-32C. */
  private static String describe(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.force(true);
    }
    CRC32C crc = new CRC32C();
    byte[] buffer = new byte[1 << 16];
    try (InputStream in = Files.newInputStream(file)) {
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        crc.update(buffer, 0, n);
      }
    }
    return "%s %d %08x%n".formatted(file.getFileName(), Files.size(file), crc.getValue());
  }

  private void writeDurably(Path file, String text) throws IOException {
    Path unfinished = file.resolveSibling(file.getFileName() + ".new");
    Files.writeString(unfinished, text, StandardCharsets.UTF_8);
    try (FileChannel channel = FileChannel.open(unfinished, StandardOpenOption.WRITE)) {
      channel.force(true);
    }
    Files.move(
        unfinished, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    flushDirectory();
  }

  private void flushDirectory() {
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    } catch (IOException e) {
      LOG.debug("{}: a directory cannot be flushed here: {}", directory, e.toString());
    }
  }

  /** Lets other jobs use the directory; its files stay. */
  @Override
  public void close() {
    try {
      lock.close();
    } catch (IOException e) {
      LOG.debug("{}: {}", directory, e.toString());
    }
  }
}
