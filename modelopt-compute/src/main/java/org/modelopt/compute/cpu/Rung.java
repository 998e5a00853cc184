package org.modelopt.compute.cpu;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import org.modelopt.error.DeviceException;

/** A way to compute; later ones are faster and need more of the machine. */
enum Rung {
  /** Plain Java: works everywhere and defines the results. */
  SCALAR,
  /** The JDK's incubating Vector API; the same bits as {@link #SCALAR}. */
  VECTOR,
  /** Matrix products by oneDNN, the rest by the Vector API if that is there. */
  ONEDNN;

  /** System property that asks for one rung: {@code scalar}, {@code vector} or {@code onednn}. */
  static final String PROPERTY = "modelopt.cpu.rung";

  /**
   * The rung that {@link #PROPERTY} asks for.
   *
   * @throws DeviceException if it names none
   */
  static Optional<Rung> requested() {
    String name = System.getProperty(PROPERTY);
    if (name == null || name.isBlank()) {
      return Optional.empty();
    }
    return Optional.of(
        Arrays.stream(values())
            .filter(rung -> rung.name().toLowerCase(Locale.ROOT).equals(name))
            .findFirst()
            .orElseThrow(() ->
                new DeviceException(
                    "-D%s=%s: there is no such rung; use scalar, vector or onednn"
                        .formatted(PROPERTY, name))));
  }
}
