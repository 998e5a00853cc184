package org.modelopt.benchmarks;

import java.util.Arrays;
import java.util.List;

/** What arguments a benchmark takes. */
public final class Usage {
  private Usage() {}

  /**
   * Checks the number of arguments.
   *
   * @param parameters their names, with a space between; {@code [NAME]} may be left out, {@code
   *     NAME...} and {@code [NAME...]} come last and may be given more than once
   * @throws IllegalArgumentException if there are too few or too many; the message says what is
   *     expected
   */
  public static void check(String[] args, String parameters) {
    List<String> names =
        Arrays.stream(parameters.split(" ", -1)).filter(name -> !name.isEmpty()).toList();
    long least = names.stream().filter(name -> !name.startsWith("[")).count();
    boolean open = parameters.contains("...");
    if (args.length < least || (!open && args.length > names.size())) {
      throw new IllegalArgumentException(
          "%d arguments given; expected: %s"
              .formatted(args.length, names.isEmpty() ? "none" : parameters));
    }
  }
}
