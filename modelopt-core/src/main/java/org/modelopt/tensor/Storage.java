package org.modelopt.tensor;

/**
 * Memory that holds a tensor's bytes. Host memory is {@link HostStorage}; a backend with memory of
 * its own brings its own implementation.
 */
public interface Storage {
  /** Size in bytes. */
  long byteSize();

  /** The bytes from {@code offset} on, {@code byteSize} of them, not copied. */
  Storage slice(long offset, long byteSize);

  /** Where the memory is, for messages: {@code host}, {@code cuda:0}. */
  String location();
}
