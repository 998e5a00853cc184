package org.modelopt.formats;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Objects;
import java.util.zip.GZIPInputStream;
import org.modelopt.numeric.FloatFormat;
import org.modelopt.safetensors.SafetensorsFile;
import org.modelopt.tensor.Tensor;

/**
 * {@code rounding.safetensors.gz}: every bfloat16 and binary16 pattern and 20,000 float32 numbers
 * encoded to small floats, and every code decoded, by ml_dtypes; and the casts of PyTorch 2.11 to
 * 8-bit floats.
 */
public final class Goldens implements AutoCloseable {
  private final Path path;
  private final SafetensorsFile file;
  private final Arena arena = Arena.ofConfined();

  private Goldens(Path path) {
    this.path = path;
    this.file = SafetensorsFile.open(path);
  }

  /** Opens the file. */
  public static Goldens open() {
    try (InputStream packed =
        Objects.requireNonNull(Goldens.class.getResourceAsStream("rounding.safetensors.gz"))) {
      Path path = Files.createTempFile("rounding", ".safetensors");
      Files.write(path, new GZIPInputStream(packed).readAllBytes());
      return new Goldens(path);
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }

  /** A tensor of the file. */
  public Tensor tensor(String name) {
    return file.open(name, arena);
  }

  /** Unsigned bytes of a tensor. */
  public int[] codes(String name) {
    return Data.unsigned(tensor(name));
  }

  /** The file's name of a format. */
  public static String name(FloatFormat format) {
    String name = format.name().toLowerCase(Locale.ROOT);
    boolean withInfinity = format.equals(FloatFormat.E5M2);
    return "float" + format.bits() + "_" + name + (withInfinity ? "" : "fn");
  }

  @Override
  public void close() {
    arena.close();
    try {
      Files.delete(path);
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }
}
