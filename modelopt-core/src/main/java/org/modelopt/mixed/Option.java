package org.modelopt.mixed;

import java.util.List;
import org.modelopt.config.Plan.PlannedLinear;

/**
 * One way to treat the linears of a unit.
 *
 * @param candidate name of the config that treats them so; {@link #UNQUANTIZED} for none
 * @param linears the members with their formats
 * @param bytes size of their weights, scales included
 * @param score what is lost, at least 0; 0 if nothing is quantized
 */
public record Option(String candidate, List<PlannedLinear> linears, long bytes, double score) {
  /** Name of leaving everything as it is. */
  public static final String UNQUANTIZED = "unquantized";

  /** Copies the list. */
  public Option {
    linears = List.copyOf(linears);
    if (!(score >= 0)) {
      throw new IllegalArgumentException("the score of %s is %s".formatted(candidate, score));
    }
  }

  /** A copy with another score. */
  public Option withScore(double newScore) {
    return new Option(candidate, linears, bytes, newScore);
  }
}
