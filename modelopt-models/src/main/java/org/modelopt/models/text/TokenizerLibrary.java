package org.modelopt.models.text;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.modelopt.error.DeviceException;

/**
 * The native tokenizer library, unpacked from its jar and loaded when it is first needed.
 *
 * <p>DJL's own loader is passed by: on a host with a GPU it looks for a CUDA build of the library
 * on the network, and its tokenizer class reports its use to a network address, unless a system
 * property of the whole process forbids both. The CPU build in the jar is all that is needed.
 */
final class TokenizerLibrary {
  private static boolean loaded;

  private TokenizerLibrary() {}

  /**
   * The library.
   *
   * @throws DeviceException if there is none for this platform or it does not load
   */
  static synchronized TokenizersLibrary get() {
    if (!loaded) {
      try {
        load();
        loaded = true;
      } catch (IOException | LinkageError | IllegalCallerException e) {
        throw new DeviceException(
            "the tokenizer library for %s does not load (%s); give token rows instead of text, or"
                    .formatted(platform(), e.getMessage())
                + " run on Linux (x86-64, arm64; glibc 2.34 or newer), macOS (arm64) or Windows"
                + " (x86-64), with java.io.tmpdir on a file system that allows execution",
            e);
      }
    }
    return TokenizersLibrary.LIB;
  }

  @SuppressWarnings("restricted") // loading native code is what this class is for
  private static void load() throws IOException {
    Path directory = Files.createTempDirectory("modelopt-tokenizers");
    try {
      for (String file : files()) {
        Path target = directory.resolve(file);
        String resource = "/native/lib/" + platform() + "/cpu/" + file;
        try (InputStream in = TokenizersLibrary.class.getResourceAsStream(resource)) {
          if (in == null) {
            throw new IOException("no " + resource + " in the tokenizers jar");
          }
          Files.copy(in, target);
        }
        System.load(target.toString());
      }
    } finally {
      discard(directory);
    }
  }

  /** A loaded library stays loaded without its file, but for Windows, which keeps it until exit. */
  private static void discard(Path directory) throws IOException {
    if (isWindows()) {
      directory.toFile().deleteOnExit(); // the last to be registered is the first to go
      files().forEach(file -> directory.resolve(file).toFile().deleteOnExit());
      return;
    }
    for (String file : files()) {
      Files.deleteIfExists(directory.resolve(file));
    }
    Files.delete(directory);
  }

  private static List<String> files() {
    if (isWindows()) {
      return List.of(
          "libwinpthread-1.dll", "libgcc_s_seh-1.dll", "libstdc++-6.dll", "tokenizers.dll");
    }
    return List.of(System.mapLibraryName("tokenizers"));
  }

  private static String platform() {
    String os = property("os.name");
    String family = isWindows() ? "win" : os.startsWith("mac") ? "osx" : "linux";
    String cpu = property("os.arch");
    return family + "-" + (cpu.equals("amd64") ? "x86_64" : cpu.equals("arm64") ? "aarch64" : cpu);
  }

  private static boolean isWindows() {
    return property("os.name").startsWith("windows");
  }

  private static String property(String name) {
    return System.getProperty(name, "unknown").toLowerCase(Locale.ROOT);
  }
}
