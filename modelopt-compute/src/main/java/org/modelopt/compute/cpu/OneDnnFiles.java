package org.modelopt.compute.cpu;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.JarURLConnection;
import java.net.URL;
import java.net.URLConnection;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.zip.CRC32;
import java.util.zip.CheckedInputStream;
import org.modelopt.error.DeviceException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * OneDNN's shared libraries, brought from their jar into a directory from which the system's loader
 * reads them.
 *
 * <p>The directory is named by the checksums of its files and kept for the next start. A file
 * appears under its name only when it is complete, so that processes that start together do not
 * disturb each other; what is there already is used if its checksum is right, which is found out
 * once in a process unless the file changes, and else replaced. Where the cache cannot be written,
 * a new private directory for temporary files is used, never one that another user could have
 * prepared; {@link #close} deletes it.
 */
final class OneDnnFiles implements AutoCloseable {
  /** System property with the directory for unpacked libraries. */
  static final String CACHE_PROPERTY = "modelopt.cache";

  private static final Logger LOG = LoggerFactory.getLogger(OneDnnFiles.class);
  private static final String FOLDER = "org/bytedeco/dnnl/";
  private static final List<String> NAMES = List.of("libgomp.so.1", "libdnnl.so.3");

  /**
   * Files whose checksum was right: reading 90 MB at each opening of a backend takes longer than
   * many a small job.
   */
  private static final Map<Path, Version> CHECKED = new ConcurrentHashMap<>();

  private final Path directory;
  private final boolean temporary;

  private OneDnnFiles(Path directory, boolean temporary) {
    this.directory = directory;
    this.temporary = temporary;
  }

  /**
   * The files in the directory that {@link #CACHE_PROPERTY} names, or {@code .cache/modelopt} in
   * the user's home.
   *
   * @throws DeviceException if there are none for this platform or they cannot be unpacked; the
   *     message is a reason
   */
  static OneDnnFiles unpack() {
    String chosen = System.getProperty(CACHE_PROPERTY);
    return unpack(
        chosen != null
            ? Path.of(chosen)
            : Path.of(System.getProperty("user.home", ""), ".cache", "modelopt"));
  }

  static OneDnnFiles unpack(Path cache) {
    String platform = platform();
    List<Source> sources = NAMES.stream().map(name -> Source.find(platform, name)).toList();
    Path directory = cache.resolve(directoryName(sources));
    try {
      if (!directory.isAbsolute()) {
        throw new IOException("not an absolute path");
      }
      copy(sources, Files.createDirectories(directory));
      return new OneDnnFiles(directory, false);
    } catch (IOException e) {
      LOG.info(
          "oneDNN's library cannot be kept in {} ({}) and is unpacked at each start; name a"
              + " writable directory with -D{}",
          directory,
          e.toString(),
          CACHE_PROPERTY);
      return unpackTemporarily(sources, e);
    }
  }

  /** This platform as the classifier of the jar. */
  private static String platform() {
    String os = System.getProperty("os.name", "");
    String arch = System.getProperty("os.arch", "");
    if (os.equals("Linux")) {
      switch (arch) {
        case "amd64", "x86_64" -> {
          return "linux-x86_64";
        }
        case "aarch64" -> {
          return "linux-arm64";
        }
        default -> {}
      }
    }
    throw new DeviceException(
        "its library is used on Linux on x86-64 and arm64 only and this is %s on %s"
            .formatted(os, arch));
  }

  private static OneDnnFiles unpackTemporarily(List<Source> sources, IOException reason) {
    try {
      OneDnnFiles files = new OneDnnFiles(Files.createTempDirectory("modelopt-"), true);
      try {
        copy(sources, files.directory);
      } catch (IOException e) {
        files.close();
        throw e;
      }
      return files;
    } catch (IOException e) {
      e.addSuppressed(reason);
      throw new DeviceException(
          "its library cannot be unpacked to the temporary directory either: " + e, e);
    }
  }

  private static String directoryName(List<Source> sources) {
    StringBuilder name = new StringBuilder("onednn");
    for (Source source : sources) {
      name.append(String.format(Locale.ROOT, "-%08x", source.checksum()));
    }
    return name.toString();
  }

  private static void copy(List<Source> sources, Path directory) throws IOException {
    for (Source source : sources) {
      source.copyTo(directory.resolve(source.name()));
    }
  }

  /** The library to load; it finds the others beside it. */
  Path library() {
    return directory.resolve(NAMES.getLast());
  }

  /** Deletes what was unpacked for this process only; a library that is loaded stays usable. */
  @Override
  public void close() {
    if (!temporary) {
      return;
    }
    try {
      for (String name : NAMES) {
        Files.deleteIfExists(directory.resolve(name));
      }
      Files.deleteIfExists(directory);
    } catch (IOException e) {
      LOG.warn("the temporary directory {} could not be deleted: {}", directory, e.toString());
    }
  }

  /** One file in a jar or, in an unusual build, in a directory of classes. */
  private record Source(String name, URL url, long byteSize, long checksum) {
    static Source find(String platform, String name) {
      String path = FOLDER + platform + "/" + name;
      URL url = OneDnnFiles.class.getClassLoader().getResource(path);
      if (url == null) {
        throw new DeviceException(
            "its library is not on the class path; add org.bytedeco:dnnl with the classifier "
                + platform);
      }
      try {
        URLConnection connection = url.openConnection();
        if (connection instanceof JarURLConnection jar) {
          jar.setUseCaches(false);
          try (var file = jar.getJarFile()) {
            var entry = file.getEntry(path);
            return new Source(name, url, entry.getSize(), entry.getCrc());
          }
        }
        try (InputStream in = url.openStream()) {
          CheckedInputStream checked = new CheckedInputStream(in, new CRC32());
          long size = checked.transferTo(OutputStream.nullOutputStream());
          return new Source(name, url, size, checked.getChecksum().getValue());
        }
      } catch (IOException e) {
        throw new DeviceException("its library cannot be read from " + url, e);
      }
    }

    void copyTo(Path target) throws IOException {
      if (isComplete(target)) {
        return;
      }
      Path part = Files.createTempFile(target.getParent(), name, ".part");
      try {
        try (InputStream in = url.openStream()) {
          Files.copy(in, part, StandardCopyOption.REPLACE_EXISTING);
        }
        if (!isComplete(part)) {
          throw new IOException("%s is damaged after copying from %s".formatted(part, url));
        }
        try (FileChannel channel = FileChannel.open(part, StandardOpenOption.WRITE)) {
          channel.force(true);
        }
        Files.move(part, target, StandardCopyOption.ATOMIC_MOVE);
      } finally {
        Files.deleteIfExists(part);
      }
    }

    private boolean isComplete(Path file) throws IOException {
      if (!Files.isRegularFile(file) || Files.size(file) != byteSize) {
        return false;
      }
      Version now = Version.of(file);
      if (now.equals(CHECKED.get(file))) {
        return true;
      }
      CRC32 sum = new CRC32();
      try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
        sum.update(channel.map(FileChannel.MapMode.READ_ONLY, 0, byteSize));
      }
      if (sum.getValue() != checksum) {
        return false;
      }
      CHECKED.put(file, now);
      return true;
    }
  }

  /** What changes when a file is replaced or written to. */
  private record Version(Optional<Object> key, FileTime modified, long byteSize) {
    static Version of(Path file) throws IOException {
      BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
      return new Version(
          Optional.ofNullable(attributes.fileKey()),
          attributes.lastModifiedTime(),
          attributes.size());
    }
  }
}
