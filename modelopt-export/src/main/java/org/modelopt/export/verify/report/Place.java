package org.modelopt.export.verify.report;

import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Where something was found.
 *
 * @param tensor name of a tensor or path of a module, if it concerns one
 * @param file name of a file in the exported directory, and for JSON the key in it, if it concerns
 *     one
 */
public record Place(Optional<String> tensor, Optional<String> file) {
  /** The export as a whole. */
  public static final Place EXPORT = new Place(Optional.empty(), Optional.empty());

  /** A file, or a key of a JSON file. */
  public static Place file(String file) {
    return new Place(Optional.empty(), Optional.of(file));
  }

  /** A tensor that is in no file, or a module. */
  public static Place tensor(String tensor) {
    return new Place(Optional.of(tensor), Optional.empty());
  }

  /** A tensor in a file. */
  public static Place tensor(String tensor, String file) {
    return new Place(Optional.of(tensor), Optional.of(file));
  }

  /** For people: {@code lm_head.weight in model.safetensors}. */
  @Override
  public String toString() {
    String text = Stream.concat(tensor.stream(), file.stream()).collect(Collectors.joining(" in "));
    return text.isEmpty() ? "the export" : text;
  }
}
