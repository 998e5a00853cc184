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
 * moved to its name; so a record that is there means that everything it names was complete.
 *
 * <p>Inputs are large, so they are kept only as often as {@link WriteBudget} allows; without them
 * the layer's decisions are on disk all the same, but a job that goes on does so from the newest
 * inputs. A job that is killed at any moment thus loses the layer it was working on and, where
 * writing is slow beside computing, those since the last inputs.
 *
 * <p>Files: {@code job.txt} (the {@link Fingerprint}), {@code layer-N.txt} (the record), {@code
 * layer-N.safetensors}, {@code inputs-N.safetensors} (only the newest), {@code lock}.
 */
public final class Journal implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Journal.class);

  private static final String FINGERPRINT = "job.txt";

  private final Path directory;
  private final FileChannel lock;
  private final WriteBudget budget;
  private int completed;

  private Journal(Path directory, FileChannel lock, WriteBudget budget) {
    this.directory = directory;
    this.lock = lock;
    this.budget = budget;
  }

  /**
   * Opens the journal in {@code directory}, which is made if it is not there.
   *
   * @param fingerprint what the result depends on
   * @throws ModelOptException if it belongs to another job, is damaged, in use, or cannot be
   *     written
   */
  public static Journal open(Path directory, SequencedMap<String, String> fingerprint) {
    return open(directory, fingerprint, new WriteBudget(System::nanoTime));
  }

  static Journal open(
      Path directory, SequencedMap<String, String> fingerprint, WriteBudget budget) {
    try {
      Files.createDirectories(directory);
      FileChannel lock =
          FileChannel.open(
              directory.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      Journal journal = new Journal(directory, lock, budget);
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

  /** Whether {@code directory} holds the journal of a job. */
  public static boolean isIn(Path directory) {
    return Files.exists(directory.resolve(FINGERPRINT));
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
    Path file = directory.resolve(FINGERPRINT);
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

  /**
   * The layer to go on with: the first that is not done or, if that one reads samples and its
   * inputs were not kept, the last before it whose inputs are there. Records from there on are
   * forgotten.
   *
   * @param lastObserved last layer that reads samples, -1 if none does
   * @throws ModelOptException if a record cannot be read or removed
   */
  public int resume(int lastObserved) {
    try {
      int layer = completed;
      while (layer > 0 && layer <= lastObserved && !isRecorded(layer - 1, inputs(layer))) {
        layer--;
      }
      for (int later = completed - 1; later >= layer; later--) {
        Files.delete(record(later));
      }
      completed = layer;
      return layer;
    } catch (IOException e) {
      throw failure(directory, e);
    }
  }

  private boolean isRecorded(int layer, Path file) throws IOException {
    return Files.exists(file) && text(record(layer)).contains(file.getFileName() + " ");
  }

  private static String text(Path record) throws IOException {
    return Files.readString(record, StandardCharsets.UTF_8);
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
   * @param next inputs of the next layer, if it will read any
   * @return the step with its large tensors in the journal
   */
  public JobStep commit(int layer, JobStep step, Optional<Activations> next) {
    try {
      Files.deleteIfExists(decisions(layer)); // left by a job that was killed
      DecisionFile.write(decisions(layer), step);
      flush(decisions(layer));
      String text = describe(decisions(layer));
      boolean kept = next.isPresent() && budget.allows(next.get().byteSize());
      if (kept) {
        text += keep(inputs(layer + 1), next.get());
      }
      flushDirectory();
      writeDurably(record(layer), text);
      if (kept || next.isEmpty()) {
        removeInputsUpTo(layer);
      }
      completed = layer + 1;
      return DecisionFile.read(decisions(layer), step.decisions().size());
    } catch (IOException e) {
      throw failure(directory, e);
    }
  }

  /** Writes inputs durably and gives their line of a record. */
  private String keep(Path file, Activations inputs) throws IOException {
    Files.deleteIfExists(file);
    budget.begin();
    inputs.write(file);
    flush(file);
    String line = describe(file);
    budget.end(inputs.byteSize());
    return line;
  }

  private void removeInputsUpTo(int layer) throws IOException {
    for (int older = layer; older > 0 && Files.deleteIfExists(inputs(older)); older--) {
      LOG.trace("{}: inputs of layer {} removed", directory, older);
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
      if (!Files.exists(file) || !text(record(layer)).contains(describe(file))) {
        throw new ModelOptException(
            file + ": is missing or damaged; remove " + directory + " and start the job again");
      }
    } catch (IOException e) {
      throw failure(file, e);
    }
  }

  private static void flush(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.force(true);
    }
  }

  /** The line of {@code file} in a record: name, bytes, CRC-32C. */
  private static String describe(Path file) throws IOException {
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
    flush(unfinished);
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
