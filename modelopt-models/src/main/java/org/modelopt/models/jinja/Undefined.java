package org.modelopt.models.jinja;

/**
 * What a variable or attribute that is not there gives: empty text, an empty list, false; anything
 * else that is done with it fails.
 *
 * @param name what was asked for, for messages
 */
record Undefined(String name) {
  TemplateException failure() {
    return new TemplateException("'" + name + "' is undefined");
  }
}
