package org.modelopt.models.jinja;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Variables of a loop's round, a macro or the template, and those around them. */
final class Variables {
  private final @Nullable Variables outer;
  private final Map<String, Object> own = new HashMap<>();

  private Variables(@Nullable Variables outer) {
    this.outer = outer;
  }

  static Variables outermost() {
    return new Variables(null);
  }

  Variables inner() {
    return new Variables(this);
  }

  void set(String name, Object value) {
    own.put(name, value);
  }

  Optional<Object> get(String name) {
    Variables at = this;
    while (at != null) {
      Object value = at.own.get(name);
      if (value != null) {
        return Optional.of(value);
      }
      at = at.outer;
    }
    return Optional.empty();
  }
}
