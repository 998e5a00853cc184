package org.modelopt.export.write;

/** A kind of checkpoint. */
public interface Target {
  /** Short lower-case name for command lines, for example {@code hf}. */
  String id();

  /**
   * What to write for a model.
   *
   * @throws org.modelopt.error.ConfigException if this kind cannot hold what was decided
   */
  CheckpointPlan plan(Subject subject);
}
