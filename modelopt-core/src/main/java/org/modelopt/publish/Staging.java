package org.modelopt.publish;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The hidden directory of one publication, {@code .NAME.partial-PROCESS-RANDOM}: the content under
 * its final name, and beside it a file that is locked as long as the process lives.
 */
final class Staging implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Staging.class);

  /**
   * Tells directories of this process from those of others: on POSIX systems, opening and closing
   * the lock file of one of our own would release its lock.
   */
  private static final String PROCESS = randomName();

  private final Path directory;
  private final Path content;
  private final FileChannel lock;

  private Staging(Path directory, Path content, FileChannel lock) {
    this.directory = directory;
    this.content = content;
    this.lock = lock;
  }

  private static String randomName() {
    return UUID.randomUUID().toString().substring(0, 8);
  }

  private static String prefix(Path target) {
    return "." + target.getFileName() + ".partial-";
  }

  /** The lock file of a staging directory for {@code target}; never the name of the content. */
  private static Path lockFile(Path directory, Path target) {
    return directory.resolve(target.getFileName() + ".lock");
  }

  /** Makes the hidden directory beside {@code target}, without content. */
  static Staging create(Path target) throws IOException {
    Path directory = target.resolveSibling(prefix(target) + PROCESS + "-" + randomName());
    Files.createDirectory(directory);
    try {
      Path content = directory.resolve(String.valueOf(target.getFileName()));
      return new Staging(directory, content, lock(lockFile(directory, target)));
    } catch (IOException | RuntimeException e) {
      deleteTree(directory);
      throw e;
    }
  }

  /** Makes a file that nobody ever sees unlocked under its name. */
  private static FileChannel lock(Path file) throws IOException {
    Path unlocked = file.resolveSibling(file.getFileName() + ".new");
    FileChannel channel =
        FileChannel.open(unlocked, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW);
    try {
      channel.lock();
      Files.move(unlocked, file, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      // Without locks nobody can prove that this process is dead, and nothing is removed.
      LOG.debug("{}: this file system has no locks: {}", file, e.toString());
    }
    return channel;
  }

  /** Where the content is to be written. */
  Path content() {
    return content;
  }

  /** Removes directories that processes which are no more left beside {@code target}. */
  static void removeStale(Path target) throws IOException {
    List<Path> candidates;
    try (Stream<Path> siblings = Files.list(target.resolveSibling("."))) {
      candidates =
          siblings
              .map(sibling -> target.resolveSibling(sibling.getFileName()))
              .filter(sibling -> isForeign(sibling, target))
              .toList();
    }
    for (Path directory : candidates) {
      removeIfStale(directory, lockFile(directory, target));
    }
  }

  private static boolean isForeign(Path sibling, Path target) {
    String name = String.valueOf(sibling.getFileName());
    return name.startsWith(prefix(target)) && !name.startsWith(prefix(target) + PROCESS + "-");
  }

  private static void removeIfStale(Path directory, Path lockFile) {
    try (FileChannel channel = FileChannel.open(lockFile, StandardOpenOption.WRITE)) {
      if (channel.tryLock() == null) {
        LOG.debug("{} belongs to a process that is running", directory);
        return;
      }
      deleteTree(directory);
      LOG.info("removed {}, left behind by a process that was killed", directory);
    } catch (NoSuchFileException e) {
      LOG.debug("{} has no lock, so nothing is known of its process; it stays", directory);
    } catch (IOException e) {
      LOG.warn("{}: the leftover of another process stays: {}", directory, e.toString());
    }
  }

  /** Removes the hidden directory with everything in it. */
  @Override
  public void close() {
    try {
      deleteTree(content);
      // Some systems remove no open file, so the lock goes before the directory.
      lock.close();
      deleteTree(directory);
    } catch (IOException e) {
      LOG.warn("{}: could not be removed: {}", directory, e.toString());
    }
  }

  private static void deleteTree(Path root) throws IOException {
    if (!Files.exists(root)) {
      return;
    }
    Files.walkFileTree(
        root,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Files.deleteIfExists(file);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path directory, @Nullable IOException failure)
              throws IOException {
            if (failure != null) {
              throw failure;
            }
            Files.deleteIfExists(directory);
            return FileVisitResult.CONTINUE;
          }
        });
  }
}
