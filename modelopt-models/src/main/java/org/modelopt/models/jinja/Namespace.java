package org.modelopt.models.jinja;

import java.util.LinkedHashMap;
import java.util.Map;

/** What {@code namespace()} makes: the only value whose attributes a template can set. */
final class Namespace {
  private final Map<String, Object> attributes = new LinkedHashMap<>();

  Namespace(Map<String, Object> initial) {
    attributes.putAll(initial);
  }

  Object get(String name) {
    return attributes.getOrDefault(name, new Undefined(name));
  }

  void set(String name, Object value) {
    attributes.put(name, value);
  }
}
