package org.modelopt.publish;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.stream.Stream;
import org.modelopt.error.ExportException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A directory or file that appears at its target complete and durable, or not at all.
 *
 * <p>What is to be published is written at {@link #path()}, inside a hidden directory beside the
 * target called {@code .NAME.partial-...}. {@link #commit()} flushes it to disk and renames it. The
 * target must not exist, or be an empty directory; nothing is ever overwritten, also not if the
 * target comes into being meanwhile. Closing without a commit removes everything that was written.
 *
 * <p>A process that is killed leaves its hidden directory behind. Each hidden directory holds a
 * file that its process keeps locked; the next publication to the same target removes those whose
 * lock is free and leaves all others alone.
 *
 * <p>Used by one thread at a time; any number of publications, in any number of processes, may be
 * under way to one target, and the first to commit gets it.
 */
public final class Publication implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Publication.class);

  private enum Kind {
    DIRECTORY,
    FILE
  }

  private final Path target;
  private final Kind kind;
  private final Deque<Path> madeParents;
  private final Staging staging;
  private boolean committed;

  private Publication(Path target, Kind kind, Deque<Path> madeParents, Staging staging) {
    this.target = target;
    this.kind = kind;
    this.madeParents = madeParents;
    this.staging = staging;
  }

  /**
   * Begins the publication of a directory. Missing parents of the target are made.
   *
   * @throws ExportException if the target exists and is no empty directory, is a mount point, or
   *     nothing can be written beside it
   */
  public static Publication ofDirectory(Path target) {
    return begin(target, Kind.DIRECTORY);
  }

  /**
   * Begins the publication of a file. Missing parents of the target are made.
   *
   * @throws ExportException if the target exists or nothing can be written beside it
   */
  public static Publication ofFile(Path target) {
    return begin(target, Kind.FILE);
  }

  /**
   * Checks, before the work that leads to it, that a directory could be published now. Nothing is
   * made or reserved.
   *
   * @param bytes bytes it will have, about
   * @throws ExportException as {@link #ofDirectory} and {@link #requireFreeBytes}
   */
  public static void checkDirectory(Path target, long bytes) {
    try {
      Path parent = parent(place(target, Kind.DIRECTORY));
      Path existing = parent;
      while (!Files.exists(existing)) {
        existing = parent(existing);
      }
      if (!Files.isDirectory(existing) || !Files.isWritable(existing)) {
        throw new ExportException(
            target + ": nothing can be written to " + existing + "; choose another target");
      }
      DiskSpace.require(parent, bytes);
    } catch (IOException e) {
      throw new ExportException(target + ": cannot be written to: " + e, e);
    }
  }

  private static Path place(Path target, Kind kind) throws IOException {
    Path place = target.toAbsolutePath().normalize();
    if (place.getFileName() == null) {
      throw new ExportException(target + ": a root cannot be published to; name a path below it");
    }
    return Files.exists(place, LinkOption.NOFOLLOW_LINKS) ? checkExisting(place, kind) : place;
  }

  private static Publication begin(Path target, Kind kind) {
    try {
      Path place = place(target, kind);
      return begin(place, kind, makeParents(parent(place)));
    } catch (IOException e) {
      throw new ExportException(target + ": cannot be written to: " + e, e);
    }
  }

  private static Publication begin(Path target, Kind kind, Deque<Path> madeParents)
      throws IOException {
    try {
      Staging.removeStale(target);
      Publication publication = new Publication(target, kind, madeParents, Staging.create(target));
      if (kind == Kind.DIRECTORY) {
        Files.createDirectory(publication.path());
      }
      return publication;
    } catch (IOException e) {
      remove(madeParents);
      throw e;
    }
  }

  private static Path checkExisting(Path target, Kind kind) throws IOException {
    if (kind == Kind.FILE || !Files.isDirectory(target)) {
      throw occupied(target, "exists");
    }
    try (Stream<Path> entries = Files.list(target)) {
      if (entries.findAny().isPresent()) {
        throw occupied(target, "is not empty");
      }
    }
    Path real = target.toRealPath();
    if (real.getParent() == null
        || !Files.getFileStore(real).equals(Files.getFileStore(real.getParent()))) {
      throw new ExportException(
          target + ": is a mount point, which nothing can be renamed to; name a path below it");
    }
    return real;
  }

  private static ExportException occupied(Path target, String how) {
    return new ExportException(
        target + ": " + how + " and is not overwritten; remove it or choose another target");
  }

  private static Path parent(Path target) {
    Path parent = target.getParent();
    if (parent == null) {
      throw new IllegalArgumentException(target + " has no parent");
    }
    return parent;
  }

  private static Deque<Path> makeParents(Path directory) throws IOException {
    Deque<Path> made = new ArrayDeque<>();
    for (Path at = directory; at != null && !Files.exists(at); at = at.getParent()) {
      made.addLast(at);
    }
    Files.createDirectories(directory);
    return made;
  }

  /** Where to write: an empty directory, or a file that does not exist yet. */
  public Path path() {
    return staging.content();
  }

  /** Where it will be. */
  public Path target() {
    return target;
  }

  /**
   * Checks that {@code bytes} more bytes fit on the target's file system.
   *
   * @throws ExportException if they do not
   */
  public void requireFreeBytes(long bytes) {
    DiskSpace.require(parent(target), bytes);
  }

  /**
   * Flushes everything to disk and moves it to the target in one step.
   *
   * @throws ExportException if it cannot be flushed, the target exists by now, or nothing was
   *     written
   */
  public void commit() {
    if (committed) {
      throw new IllegalStateException(target + " was committed before");
    }
    if (!Files.exists(path())) {
      throw new ExportException(target + ": nothing was written to " + path());
    }
    try {
      Durability.flushTree(path());
      if (kind == Kind.FILE) {
        publishFile();
      } else {
        publishDirectory();
      }
      committed = true;
      Durability.flushDirectory(parent(target));
    } catch (IOException e) {
      if (!committed && isOccupied()) {
        throw occupied(target, "came into being meanwhile");
      }
      throw DiskSpace.writeFailure(target, 0, e);
    }
  }

  private boolean isOccupied() {
    if (!Files.isDirectory(target)) {
      return Files.exists(target, LinkOption.NOFOLLOW_LINKS);
    }
    try (Stream<Path> entries = Files.list(target)) {
      return kind == Kind.FILE || entries.findAny().isPresent();
    } catch (IOException e) {
      return false;
    }
  }

  /** A rename replaces an empty directory and nothing else. */
  private void publishDirectory() throws IOException {
    try {
      Files.move(path(), target, StandardCopyOption.ATOMIC_MOVE);
    } catch (FileSystemException e) {
      // Where a rename does not even replace an empty directory, that is removed first.
      if (!Files.isDirectory(target) || isOccupied()) {
        throw e;
      }
      Files.delete(target);
      Files.move(path(), target, StandardCopyOption.ATOMIC_MOVE);
    }
  }

  /** A rename would replace a file that exists; a new link does not. */
  private void publishFile() throws IOException {
    try {
      Files.createLink(target, path());
    } catch (UnsupportedOperationException | FileSystemException e) {
      if (Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
        throw e;
      }
      Files.move(path(), target, StandardCopyOption.ATOMIC_MOVE);
    }
  }

  /** Removes what is left of the hidden directory: everything, if nothing was committed. */
  @Override
  public void close() {
    staging.close();
    if (!committed) {
      remove(madeParents);
    }
  }

  /** Removes directories that were made for a publication, innermost first, while empty. */
  private static void remove(Deque<Path> directories) {
    for (Path made : directories) {
      try {
        Files.deleteIfExists(made);
      } catch (IOException e) {
        // Someone else put something there: then it stays.
        LOG.debug("{} stays: {}", made, e.toString());
        return;
      }
    }
  }
}
