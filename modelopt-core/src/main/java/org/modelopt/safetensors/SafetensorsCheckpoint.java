package org.modelopt.safetensors;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.modelopt.error.CheckpointException;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;
import org.modelopt.tensor.TensorSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The tensors of a checkpoint: one safetensors file, or shards and the index that names them.
 *
 * <p>Opening reads and checks the index and every header, and nothing else, so that whatever is
 * wrong with the checkpoint's form is said before work starts. An instance is immutable, holds no
 * file open, and is safe for use by several threads.
 */
public final class SafetensorsCheckpoint implements TensorSource {
  /** Name of the only file of a checkpoint that is not sharded. */
  public static final String SINGLE_FILE = "model.safetensors";

  /** Name of the index of a sharded checkpoint. */
  public static final String INDEX_FILE = "model.safetensors.index.json";

  private static final Logger LOG = LoggerFactory.getLogger(SafetensorsCheckpoint.class);
  private static final int NAMES_IN_MESSAGE = 5;

  private final Path path;
  private final List<SafetensorsFile> files;
  private final Map<String, SafetensorsFile> fileOfTensor = new LinkedHashMap<>();
  private final List<TensorInfo> tensors;

  private SafetensorsCheckpoint(Path path, List<SafetensorsFile> files) {
    this.path = path;
    this.files = List.copyOf(files);
    List<TensorInfo> all = new ArrayList<>();
    for (SafetensorsFile file : files) {
      for (TensorInfo tensor : file.tensors()) {
        SafetensorsFile other = fileOfTensor.putIfAbsent(tensor.name(), file);
        if (other != null) {
          throw new CheckpointException(
              "%s: tensor %s is in both %s and %s; remove one of the two"
                  .formatted(
                      path,
                      JsonText.quote(tensor.name()),
                      other.path().getFileName(),
                      file.path().getFileName()));
        }
        all.add(tensor);
      }
    }
    this.tensors = List.copyOf(all);
  }

  /**
   * Opens a directory, a single safetensors file or an index file.
   *
   * <p>In a directory {@code model.safetensors.index.json} counts if it is there, as for other
   * readers, and {@code model.safetensors} otherwise. The files that an index names must be entries
   * of its own directory (which may be symbolic links: download caches are made of them).
   *
   * @throws CheckpointException if there is nothing to open, a header or the index is malformed,
   *     shards are missing, or index and headers do not name the same tensors
   */
  public static SafetensorsCheckpoint open(Path path) {
    if (Files.isDirectory(path)) {
      return openDirectory(path);
    }
    if (path.toString().endsWith(".json")) {
      return openIndex(path, path);
    }
    return new SafetensorsCheckpoint(path, List.of(SafetensorsFile.open(path)));
  }

  private static SafetensorsCheckpoint openDirectory(Path directory) {
    Path single = directory.resolve(SINGLE_FILE);
    Path index = directory.resolve(INDEX_FILE);
    if (Files.exists(index)) {
      SafetensorsCheckpoint checkpoint = openIndex(directory, index);
      if (Files.exists(single)
          && checkpoint.files.stream().noneMatch(file -> file.path().equals(single))) {
        LOG.warn(
            "{} has both {} and {}: following the index; remove the file that is not meant",
            directory,
            SINGLE_FILE,
            INDEX_FILE);
      }
      return checkpoint;
    }
    if (Files.exists(single)) {
      return new SafetensorsCheckpoint(directory, List.of(SafetensorsFile.open(single)));
    }
    throw new CheckpointException(
        "%s: has neither %s nor %s%s"
            .formatted(directory, SINGLE_FILE, INDEX_FILE, whatIsThere(directory)));
  }

  private static String whatIsThere(Path directory) {
    List<String> names;
    try (Stream<Path> entries = Files.list(directory)) {
      names = entries.map(entry -> entry.getFileName().toString()).sorted().toList();
    } catch (IOException e) {
      return ", and cannot be listed: " + e;
    }
    List<String> safetensors = names.stream().filter(n -> n.endsWith(".safetensors")).toList();
    if (safetensors.size() == 1) {
      return "; open " + safetensors.getFirst() + " itself if it is the one meant";
    }
    if (!safetensors.isEmpty()) {
      return "; it has " + list(safetensors) + ", but without the index they are not known whole";
    }
    List<String> pickles =
        names.stream().filter(n -> n.endsWith(".bin") || n.endsWith(".pth")).toList();
    if (!pickles.isEmpty()) {
      return "; it has " + list(pickles) + ", which must be converted to safetensors first";
    }
    return "; expected the directory of a HuggingFace checkpoint";
  }

  private static SafetensorsCheckpoint openIndex(Path path, Path indexFile) {
    ShardIndex index = ShardIndex.read(indexFile);
    Map<String, Path> shards = new LinkedHashMap<>();
    List<String> missing = new ArrayList<>();
    for (String name : index.shards()) {
      Path shard = resolve(indexFile, name);
      shards.put(name, shard);
      if (!Files.isRegularFile(shard)) {
        missing.add(name);
      }
    }
    if (!missing.isEmpty()) {
      throw new CheckpointException(
          "%s: %d of %d shards are not there: %s; the download is incomplete"
              .formatted(indexFile, missing.size(), shards.size(), list(missing)));
    }
    SafetensorsCheckpoint checkpoint =
        new SafetensorsCheckpoint(
            path, shards.values().stream().map(SafetensorsFile::open).toList());
    checkpoint.checkAgainst(indexFile, index);
    return checkpoint;
  }

  private static Path resolve(Path indexFile, String name) {
    try {
      return indexFile.resolveSibling(name);
    } catch (InvalidPathException e) {
      throw new CheckpointException(
          "%s: %s cannot be a file name here: %s"
              .formatted(indexFile, JsonText.quote(name), e.getReason()),
          e);
    }
  }

  private void checkAgainst(Path indexFile, ShardIndex index) {
    List<String> absent = new ArrayList<>();
    index
        .shardOfTensor()
        .forEach((tensor, shard) -> {
          SafetensorsFile holder = fileOfTensor.get(tensor);
          if (holder == null || !holder.path().endsWith(shard)) {
            absent.add(JsonText.quote(tensor) + " in " + shard);
          }
        });
    if (!absent.isEmpty()) {
      throw new CheckpointException(
          "%s: %d tensors are not in the shard it names: %s; index and shards are of different checkpoints"
              .formatted(indexFile, absent.size(), list(absent)));
    }
    List<String> unlisted = new ArrayList<>();
    fileOfTensor.forEach((tensor, file) -> {
      if (!index.shardOfTensor().containsKey(tensor)) {
        unlisted.add(JsonText.quote(tensor) + " in " + file.path().getFileName());
      }
    });
    if (!unlisted.isEmpty()) {
      throw new CheckpointException(
          "%s: %d tensors of the shards are not in its weight_map: %s; get the index that belongs to"
                  .formatted(indexFile, unlisted.size(), list(unlisted))
              + " these shards, or add them to it");
    }
    long bytes = byteSize();
    if (index.totalBytes().isPresent() && index.totalBytes().getAsLong() != bytes) {
      // No reader allocates by this number, so a wrong one is harmless.
      LOG.warn(
          "{} states a total_size of {} bytes but its tensors have {}",
          indexFile,
          index.totalBytes().getAsLong(),
          bytes);
    }
  }

  private static String list(Collection<String> names) {
    String some = names.stream().limit(NAMES_IN_MESSAGE).collect(Collectors.joining(", "));
    int more = names.size() - NAMES_IN_MESSAGE;
    return more > 0 ? some + " and " + more + " more" : some;
  }

  /** The directory or file that was opened. */
  public Path path() {
    return path;
  }

  /** The files, in the order of their names. */
  public List<SafetensorsFile> files() {
    return files;
  }

  /** Sum of the sizes of all tensors in bytes. */
  public long byteSize() {
    return tensors.stream().mapToLong(TensorInfo::byteSize).sum();
  }

  /** All tensors: file after file in the order of their names, within a file as stored. */
  @Override
  public List<TensorInfo> tensors() {
    return tensors;
  }

  @Override
  public Optional<TensorInfo> find(String name) {
    return fileOf(name).flatMap(file -> file.find(name));
  }

  /** The file that holds the tensor called {@code name}, if there is one. */
  public Optional<SafetensorsFile> fileOf(String name) {
    return Optional.ofNullable(fileOfTensor.get(name));
  }

  /** Maps the bytes of one tensor read-only; see {@link SafetensorsFile#open(String, Arena)}. */
  @Override
  public Tensor open(String name, Arena arena) {
    return fileOf(name)
        .orElseThrow(() ->
            new CheckpointException(
                "%s: there is no tensor %s".formatted(path, JsonText.quote(name))))
        .open(name, arena);
  }

  /** Path, number of files and of tensors. */
  @Override
  public String toString() {
    return path + " (" + files.size() + " files, " + tensors.size() + " tensors)";
  }
}
