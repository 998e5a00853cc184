package org.modelopt.tensor;

import java.lang.foreign.MemorySegment;

/**
 * Host memory: mapped from a file (read-only) or allocated from an arena, which owns it.
 *
 * @param segment the bytes
 */
public record HostStorage(MemorySegment segment) implements Storage {
  @Override
  public long byteSize() {
    return segment.byteSize();
  }

  @Override
  public Storage slice(long offset, long byteSize) {
    return new HostStorage(segment.asSlice(offset, byteSize));
  }

  @Override
  public String location() {
    return "host";
  }
}
