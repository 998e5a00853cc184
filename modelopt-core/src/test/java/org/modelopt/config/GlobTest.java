package org.modelopt.config;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Cases checked against Python's {@code fnmatch.fnmatchcase}. */
class GlobTest {
  @ParameterizedTest
  @CsvSource({
    "*, anything.at.all, true",
    "*lm_head*, lm_head, true",
    "*lm_head*, model.lm_head.x, true",
    "model.layers.?.mlp, model.layers.3.mlp, true",
    "model.layers.?.mlp, model.layers.13.mlp, false",
    "*.[qkv]_proj, model.layers.0.self_attn.q_proj, true",
    "*.[qkv]_proj, model.layers.0.self_attn.o_proj, false",
    "*.[!qkv]_proj, model.layers.0.self_attn.o_proj, true",
    "layers.[0-3].x, layers.2.x, true",
    "layers.[0-3].x, layers.4.x, false",
    "a.c, abc, false",
    "a(b)+, a(b)+, true",
    "[unclosed, [unclosed, true",
    "Case, case, false"
  })
  void wholeNamesAreMatchedAsInAShell(String pattern, String name, boolean matches) {
    assertEquals(matches, Glob.of(pattern).test(name));
  }
}
