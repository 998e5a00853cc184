package org.modelopt.compute;

import org.modelopt.tensor.Tensor;

/**
 * Adds up what activation matrices of one width look like per channel, where they are: nothing is
 * waited for or copied before somebody asks. Used by one thread at a time; closing gives its memory
 * back.
 */
public interface ChannelObserver extends AutoCloseable {
  /** Adds the rows of {@code x} {@code [t, channels]}, on the observer's device. */
  void add(Tensor x);

  /** What was seen so far. */
  ChannelSummary summary();

  @Override
  void close();
}
