package org.modelopt.compute;

import java.util.Comparator;
import java.util.List;
import java.util.ServiceLoader;
import org.modelopt.error.DeviceException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Finds and opens backends. */
public final class Backends {
  private static final Logger LOG = LoggerFactory.getLogger(Backends.class);

  private Backends() {}

  /**
   * Opens the highest-ranked backend that is there; each refusal and the choice is one log line.
   *
   * @throws DeviceException if none opens
   */
  public static Backend open(BackendOptions options) {
    DeviceException last = null;
    for (BackendProvider provider : providers()) {
      try {
        Backend backend = provider.open(options);
        LOG.info("computing on {}", backend.description());
        return backend;
      } catch (DeviceException e) {
        LOG.info("backend {} not used: {}", provider.name(), e.getMessage());
        last = e;
      }
    }
    throw new DeviceException(
        "no compute backend could be opened; put modelopt-compute on the class path",
        last == null ? new IllegalStateException("no provider found") : last);
  }

  /**
   * Opens the backend called {@code name}, or one device of several: {@code cuda:1}.
   *
   * @param name a backend, and after a colon the index of the device if not that of {@code options}
   * @throws DeviceException if there is none of that name or it does not open
   */
  public static Backend open(String name, BackendOptions options) {
    int colon = name.indexOf(':');
    String kind = colon < 0 ? name : name.substring(0, colon);
    List<BackendProvider> all = providers();
    BackendProvider provider =
        all.stream()
            .filter(one -> one.name().equals(kind))
            .findFirst()
            .orElseThrow(() ->
                new DeviceException(
                    "no backend \"%s\"; there are: %s"
                        .formatted(name, all.stream().map(BackendProvider::name).toList())));
    return provider.open(
        colon < 0
            ? options
            : new BackendOptions(index(name, name.substring(colon + 1)), options.threads()));
  }

  private static int index(String name, String digits) {
    if (!digits.matches("[0-9]{1,4}")) {
      throw new DeviceException(
          "no device \"%s\"; after the colon stands the number of a device, from 0"
              .formatted(name));
    }
    return Integer.parseInt(digits);
  }

  private static List<BackendProvider> providers() {
    return ServiceLoader.load(BackendProvider.class).stream()
        .map(ServiceLoader.Provider::get)
        .sorted(Comparator.comparingInt(BackendProvider::rank).reversed())
        .toList();
  }
}
