package org.modelopt.models.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The functions that every template has. */
final class Globals {
  private Globals() {}

  static void addTo(Variables variables) {
    variables.set("range", (Callable) (args, named) -> range(args));
    variables.set("namespace", (Callable) Globals::namespace);
    variables.set(
        "dict",
        (Callable) (args, named) -> new LinkedHashMap<Object, Object>(attributes(args, named)));
    variables.set(
        "raise_exception",
        (Callable)
            (args, named) -> {
              throw new TemplateException(
                  "the template refuses: " + (args.isEmpty() ? "" : Values.text(args.getFirst())));
            });
  }

  private static Object namespace(List<Object> args, Map<String, Object> named) {
    return new Namespace(attributes(args, named));
  }

  private static Map<String, Object> attributes(List<Object> args, Map<String, Object> named) {
    Map<String, Object> attributes = new LinkedHashMap<>();
    if (!args.isEmpty() && args.getFirst() instanceof Map<?, ?> map) {
      map.forEach((key, value) -> attributes.put(Values.text((Object) key), value));
    }
    attributes.putAll(named);
    return attributes;
  }

  private static Object range(List<Object> args) {
    if (args.isEmpty()) {
      throw new TemplateException("range needs an end");
    }
    long start = args.size() > 1 ? Values.asLong(args.get(0)) : 0;
    long stop = Values.asLong(args.get(args.size() > 1 ? 1 : 0));
    long step = args.size() > 2 ? Values.asLong(args.get(2)) : 1;
    if (step == 0) {
      throw new TemplateException("a range with step 0 leads nowhere");
    }
    List<Object> numbers = new ArrayList<>();
    for (long i = start; step > 0 ? i < stop : i > stop; i += step) {
      if (numbers.size() >= Values.LONGEST_RANGE) {
        throw new TemplateException(
            "a range has more than %,d numbers".formatted(Values.LONGEST_RANGE));
      }
      numbers.add(i);
    }
    return numbers;
  }
}
