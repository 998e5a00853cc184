package org.modelopt.models.jinja;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Templates render as Jinja renders them. */
class TemplateTest {
  @TestFactory
  List<DynamicTest> templatesGiveWhatJinjaGives() throws IOException {
    JsonNode document;
    try (InputStream in = TemplateTest.class.getResourceAsStream("cases.json")) {
      document = new JsonMapper().readTree(in);
    }
    @SuppressWarnings("unchecked")
    Map<String, Object> variables = (Map<String, Object>) value(document.get("variables"));
    List<DynamicTest> tests = new ArrayList<>();
    for (JsonNode one : document.get("cases")) {
      String template = one.get("template").stringValue();
      tests.add(
          DynamicTest.dynamicTest(
              template.strip(),
              () -> {
                if (one.has("output")) {
                  assertEquals(
                      one.get("output").stringValue(), Template.parse(template).render(variables));
                } else {
                  assertThrows(
                      TemplateException.class, () -> Template.parse(template).render(variables));
                }
              }));
    }
    assertTrue(tests.size() > 60, "cases: " + tests.size());
    return tests;
  }

  @Test
  void failuresNameTheLine() {
    TemplateException failure =
        assertThrows(
            TemplateException.class,
            () -> Template.parse("one\ntwo {{ nothing.there }}").render(Map.of()));
    assertEquals("line 2: 'nothing' is undefined", failure.getMessage());
  }

  @Test
  void endlessRecursionEndsWithAnError() {
    Template template = Template.parse("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}");
    assertThrows(TemplateException.class, () -> template.render(Map.of()));
  }

  @Test
  void nestedLoopsAreBounded() {
    Template template =
        Template.parse(
            "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}");
    assertThrows(TemplateException.class, () -> template.render(Map.of()));
  }

  @Test
  void doublingTextIsBounded() {
    Template template =
        Template.parse(
            "{% set ns = namespace(s='x') %}"
                + "{% for a in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}");
    assertThrows(TemplateException.class, () -> template.render(Map.of()));
  }

  @Test
  void deeplyNestedBracketsAreAnErrorNotAnOverflow() {
    String brackets = "[".repeat(5000) + "]".repeat(5000);
    assertThrows(TemplateException.class, () -> Template.parse("{{ " + brackets + " }}"));
    assertThrows(TemplateException.class, () -> Template.parse("{% if 1 %}".repeat(5000)));
    assertThrows(TemplateException.class, () -> Template.parse("{{ " + "-".repeat(5000) + "1 }}"));
  }

  @Test
  void longChainsAreAnErrorNotAnOverflow() {
    Template template = Template.parse("{{ 1" + " + 1".repeat(200_000) + " }}");
    assertThrows(TemplateException.class, () -> template.render(Map.of()));
  }

  @Test
  void functionsOfTheApplicationAreCalled() {
    Template.Function twice = arguments -> arguments.getFirst() + "" + arguments.getFirst();
    assertEquals("abab", Template.parse("{{ f('ab') }}").render(Map.of("f", twice)));
  }

  private static Object value(JsonNode node) {
    if (node.isObject()) {
      Map<String, Object> map = new LinkedHashMap<>();
      node.properties().forEach(entry -> map.put(entry.getKey(), value(entry.getValue())));
      return map;
    }
    if (node.isArray()) {
      List<Object> list = new ArrayList<>();
      node.forEach(item -> list.add(value(item)));
      return list;
    }
    return node.isString()
        ? node.stringValue()
        : node.isBoolean()
            ? (Object) node.booleanValue()
            : node.isNull()
                ? Template.NONE
                : node.isIntegralNumber() ? (Object) node.longValue() : (Object) node.doubleValue();
  }
}
