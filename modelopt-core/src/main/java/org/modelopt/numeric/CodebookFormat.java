package org.modelopt.numeric;

import java.util.List;

/**
 * Codes that index a sorted list of levels; an element becomes the nearest level.
 *
 * @param name name as users know it
 * @param bits width of a code
 * @param levels the value of each code, ascending, {@code 2^bits} of them
 */
public record CodebookFormat(String name, int bits, List<Float> levels) implements NumberFormat {
  /**
   * NormalFloat4: quantiles of a normal distribution, 16 levels from -1 to 1.
   *
   * <p>Source: QLoRA (arXiv 2305.14314) appendix E, rounded as in the reference's table.
   */
  public static final CodebookFormat NF4 =
      new CodebookFormat(
          "NF4",
          4,
          List.of(
              -1f, -.6962f, -.5251f, -.3949f, -.2844f, -.1848f, -.0911f, 0f, .0796f, .1609f, .2461f,
              .3379f, .4407f, .5626f, .7230f, 1f));

  /** Checks the number of levels and copies them. */
  public CodebookFormat {
    levels = List.copyOf(levels);
    if (levels.size() != 1 << bits) {
      throw new IllegalArgumentException(
          name + " needs " + (1 << bits) + " levels but has " + levels.size());
    }
  }

  @Override
  public float maxFinite() {
    return Math.max(Math.abs(levels.getFirst()), Math.abs(levels.getLast()));
  }
}
