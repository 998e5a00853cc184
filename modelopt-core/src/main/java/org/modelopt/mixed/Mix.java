package org.modelopt.mixed;

import java.util.List;
import org.modelopt.config.Config;

/**
 * What was chosen.
 *
 * @param config an ordinary config that names every quantized linear
 * @param effectiveBits mean bits per weight of the linears that some candidate quantizes, scales
 *     included
 * @param score sum of the scores of the choices
 * @param choices one for each unit, in order of execution
 */
public record Mix(Config config, double effectiveBits, double score, List<Choice> choices) {
  /** Copies the list. */
  public Mix {
    choices = List.copyOf(choices);
  }

  /**
   * A unit and the option chosen for it.
   *
   * @param unit the unit
   * @param option one of its options
   */
  public record Choice(Unit unit, Option option) {}
}
