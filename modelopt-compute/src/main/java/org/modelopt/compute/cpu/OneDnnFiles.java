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
import java.util.List;
import java.util.Locale;
import java.util.zip.CRC32;
import java.util.zip.CheckedInputStream;
import org.modelopt.error.DeviceException;

/**
 * Brings oneDNN's shared libraries from their jar into a directory from which the system's loader
 * reads them.
 *
 * <p>The directory is named by the checksums of its files and kept for the next start. A file
 * appears under its name only when it is complete, so that processes that start together do not
 * disturb each other. Where the cache cannot be written, a new private directory for temporary
 * files is used, never one that another user could have prepared.
 */
final class OneDnnFiles {
  /** System property with the directory for unpacked libraries. */
  static final String CACHE_PROPERTY = "modelopt.cache";

  private static final String FOLDER = "org/bytedeco/dnnl/linux-x86_64/";
  private static final List<String> NAMES = List.of("libgomp.so.1", "libdnnl.so.3");

  private OneDnnFiles() {}

  /**
   * The unpacked library.
   *
   * @throws DeviceException if there is none for this platform or it cannot be unpacked; the
   *     message is a reason
   */
  static Path library() {
    String os = System.getProperty("os.name", "");
    String arch = System.getProperty("os.arch", "");
    if (!os.equals("Linux") || !(arch.equals("amd64") || arch.equals("x86_64"))) {
      throw new DeviceException(
          "its library is bundled for Linux on x86-64 only and this is %s on %s"
              .formatted(os, arch));
    }
    List<Source> sources = NAMES.stream().map(Source::find).toList();
    try {
      return unpack(sources, cache());
    } catch (IOException first) {
      try {
        return unpack(sources, Files.createTempDirectory("modelopt-"));
      } catch (IOException second) {
        second.addSuppressed(first);
        throw new DeviceException(
            "its library cannot be unpacked to %s (%s) or the temporary directory (%s); name a writable directory with -D%s"
                .formatted(cache(), first.getMessage(), second.getMessage(), CACHE_PROPERTY),
            second);
      }
    }
  }

  private static Path cache() {
    String chosen = System.getProperty(CACHE_PROPERTY);
    return chosen != null
        ? Path.of(chosen)
        : Path.of(System.getProperty("user.home", "."), ".cache", "modelopt");
  }

  private static Path unpack(List<Source> sources, Path cache) throws IOException {
    StringBuilder name = new StringBuilder("onednn");
    for (Source source : sources) {
      name.append(String.format(Locale.ROOT, "-%08x", source.checksum()));
    }
    Path directory = Files.createDirectories(cache.resolve(name.toString()));
    for (Source source : sources) {
      source.copyTo(directory.resolve(source.name()));
    }
    return directory.resolve(NAMES.getLast());
  }

  /** One file in a jar or, in an unusual build, in a directory of classes. */
  private record Source(String name, URL url, long byteSize, long checksum) {
    static Source find(String name) {
      URL url = OneDnnFiles.class.getClassLoader().getResource(FOLDER + name);
      if (url == null) {
        throw new DeviceException(
            "its library is not on the class path; add org.bytedeco:dnnl with the classifier"
                + " linux-x86_64");
      }
      try {
        URLConnection connection = url.openConnection();
        if (connection instanceof JarURLConnection jar) {
          jar.setUseCaches(false);
          try (var file = jar.getJarFile()) {
            var entry = file.getEntry(FOLDER + name);
            return new Source(name, url, entry.getSize(), entry.getCrc());
          }
        }
        try (CheckedInputStream in = new CheckedInputStream(url.openStream(), new CRC32())) {
          long size = in.transferTo(OutputStream.nullOutputStream());
          return new Source(name, url, size, in.getChecksum().getValue());
        }
      } catch (IOException e) {
        throw new DeviceException("its library cannot be read from " + url, e);
      }
    }

    /** Leaves a file of the right size alone: it was renamed into place when complete. */
    void copyTo(Path target) throws IOException {
      if (Files.isRegularFile(target) && Files.size(target) == byteSize) {
        return;
      }
      Path part = Files.createTempFile(target.getParent(), name, ".part");
      try {
        try (InputStream in = url.openStream()) {
          Files.copy(in, part, StandardCopyOption.REPLACE_EXISTING);
        }
        try (FileChannel channel = FileChannel.open(part, StandardOpenOption.WRITE)) {
          channel.force(true);
        }
        Files.move(part, target, StandardCopyOption.ATOMIC_MOVE);
      } finally {
        Files.deleteIfExists(part);
      }
    }
  }
}
