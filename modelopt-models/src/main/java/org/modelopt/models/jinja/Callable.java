package org.modelopt.models.jinja;

import java.util.List;
import java.util.Map;

/** What a template can call: a method of a value, a macro, a function it was given. */
@FunctionalInterface
interface Callable {
  /** The value for positional and named arguments. */
  Object call(List<Object> positional, Map<String, Object> named);
}
