package org.modelopt.config;

import static org.junit.jupiter.api.Assertions.assertTrue;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.CharRange;
import net.jqwik.api.constraints.StringLength;

class GlobProperties {
  @Property
  void aNameWithoutMetaCharactersMatchesOnlyItself(
      @ForAll @CharRange(from = ' ', to = 'Z') @StringLength(max = 12) String name,
      @ForAll @CharRange(from = ' ', to = 'Z') @StringLength(max = 12) String other) {
    String literal = name.replace('*', 'x').replace('?', 'x').replace('[', 'x');
    assertTrue(Glob.of(literal).test(literal));
    assertTrue(Glob.of(literal).test(other) == literal.equals(other));
  }

  @Property
  void aStarAroundTextFindsItAnywhere(
      @ForAll @StringLength(max = 8) String before,
      @ForAll @CharRange(from = 'a', to = 'z') @StringLength(max = 8) String text,
      @ForAll @StringLength(max = 8) String after) {
    assertTrue(Glob.of("*" + text + "*").test(before + text + after));
  }
}
