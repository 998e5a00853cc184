package org.modelopt.job;

/**
 * How far a phase of a job is.
 *
 * @param phase what is being done, for people: {@code calibrate}, {@code evaluate}, {@code export}
 * @param done units done
 * @param total units in all
 * @param unit what a unit is, plural: {@code samples}, {@code bytes}
 * @param detail the part in work, for example a layer's name
 */
public record Progress(String phase, long done, long total, String unit, String detail) {
  /** Receives progress; called from the thread that runs the job, often: must be quick. */
  @FunctionalInterface
  public interface Listener {
    /** Ignores progress. */
    Listener NONE = progress -> {};

    /** Called after each unit, and once with {@code done == total} at the end of a phase. */
    void update(Progress progress);
  }
}
