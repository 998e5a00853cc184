package org.modelopt.compute;

/** Makes one kind of {@link Backend}; found through {@link java.util.ServiceLoader}. */
public interface BackendProvider {
  /** Name of the device kind on command lines: {@code cpu}, {@code cuda}. */
  String name();

  /** Order of automatic choice; the highest that opens is taken. The CPU has 0. */
  int rank();

  /**
   * Opens the device.
   *
   * @param options which device, how many threads
   * @throws org.modelopt.error.DeviceException if it is not there; the message says why and what
   *     would change it
   */
  Backend open(BackendOptions options);
}
