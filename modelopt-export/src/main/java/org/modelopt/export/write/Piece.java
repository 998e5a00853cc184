package org.modelopt.export.write;

import java.lang.foreign.Arena;
import org.modelopt.job.Pass;
import org.modelopt.tensor.Tensor;

/**
 * Bytes to be written, and what makes them when their turn comes.
 *
 * @param <S> what they are made from
 * @param place where they go
 * @param maker makes them
 */
public record Piece<S>(Place place, Maker<S> maker) {
  /**
   * Makes a tensor from something that was read.
   *
   * @param <S> what that is
   */
  @FunctionalInterface
  public interface Maker<S> {
    /**
     * The bytes to write, on the host.
     *
     * @param source what was read
     * @param pass where work is done; of one thread
     * @param arena owner of new memory
     */
    Tensor make(S source, Pass pass, Arena arena);
  }
}
