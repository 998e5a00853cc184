package org.modelopt.export.verify.layout;

import java.util.Optional;

/**
 * A linear layer of the model, as {@code config.json} implies it.
 *
 * @param path module path, without {@code .weight}
 * @param outFeatures rows of the weight, N
 * @param inFeatures columns of the weight, K
 * @param split how tensor parallelism divides it
 * @param role what it is in the block
 * @param normBefore name of the norm's weight whose output is the only input of this layer
 */
public record LinearModule(
    String path,
    long outFeatures,
    long inFeatures,
    Split split,
    Role role,
    Optional<String> normBefore) {
  /** How tensor parallelism divides a weight. */
  public enum Split {
    /** Rows, the outputs. */
    COLUMN_PARALLEL,
    /** Columns, the inputs. */
    ROW_PARALLEL,
    /** Not at all. */
    REPLICATED
  }

  /** What a linear layer is. */
  public enum Role {
    /** A projection of attention or of a feed-forward block. */
    BLOCK,
    /** A projection of one expert. */
    EXPERT,
    /** What chooses the experts. */
    ROUTER,
    /** The output head. */
    HEAD
  }

  /** The last part of the path, for example {@code q_proj}. */
  public String leaf() {
    return path.substring(path.lastIndexOf('.') + 1);
  }

  /** The path without its last part. */
  public String parent() {
    return path.substring(0, Math.max(0, path.lastIndexOf('.')));
  }

  /** Name of the unquantized weight. */
  public String weight() {
    return path + ".weight";
  }
}
