package org.modelopt.compute.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.modelopt.error.DeviceException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Matrix products by the cuBLAS library that is installed. */
interface Cublas extends AutoCloseable {
  /**
   * Environment variable with the path of {@code libcublas.so.12} or {@code .13}, for where the
   * system's loader does not find it.
   */
  String VARIABLE = "MODELOPT_CUBLAS";

  /** Library, version and binding, for logs. */
  String description();

  /** Starts a product on the stream. */
  void multiply(Gemm gemm);

  @Override
  void close();

  /**
   * The best way to cuBLAS: JCublas where the library of CUDA 12 is installed, for which JCublas
   * was built, otherwise the foreign-function interface to the library of CUDA 12 or 13.
   *
   * @throws DeviceException if there is no cuBLAS
   */
  static Cublas open(CudaStream stream) {
    Logger log = LoggerFactory.getLogger(Cublas.class);
    String named = System.getenv(VARIABLE);
    if (named == null && isInstalled("libcublas.so.12")) {
      try {
        return new JCublasProduct(stream);
      } catch (LinkageError e) {
        log.info("JCublas not used: {}", e.getMessage());
      }
    }
    List<String> tried = new ArrayList<>();
    for (String candidate : named == null ? candidates() : List.of(named)) {
      if (isInstalled(candidate)) {
        return new ForeignCublas(candidate, stream);
      }
      tried.add(candidate);
    }
    throw new DeviceException(
        "cuBLAS is not installed: none of %s can be loaded; install CUDA's libraries or set %s to the path of libcublas.so.12 or .13"
            .formatted(tried, VARIABLE));
  }

  private static List<String> candidates() {
    List<String> candidates =
        new ArrayList<>(
            List.of("libcublas.so.13", "libcublas.so.12", "/usr/local/cuda/lib64/libcublas.so"));
    Path local = Path.of("/usr/local");
    if (Files.isDirectory(local)) {
      try (DirectoryStream<Path> versions = Files.newDirectoryStream(local, "cuda-1*")) {
        for (Path version : versions) {
          candidates.add(version.resolve("lib64/libcublas.so").toString());
        }
      } catch (java.io.IOException e) {
        LoggerFactory.getLogger(Cublas.class).debug("cannot list {}", local, e);
      }
    }
    return candidates;
  }

  @SuppressWarnings("restricted") // only asks whether the library is there
  private static boolean isInstalled(String library) {
    try (Arena arena = Arena.ofConfined()) {
      if (library.startsWith("/")) {
        SymbolLookup.libraryLookup(Path.of(library), arena);
      } else {
        SymbolLookup.libraryLookup(library, arena);
      }
      return true;
    } catch (IllegalArgumentException e) {
      return false;
    }
  }
}
