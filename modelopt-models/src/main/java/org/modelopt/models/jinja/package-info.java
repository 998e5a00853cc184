/**
 * An interpreter for the part of the Jinja template language that chat templates are written in.
 *
 * <p>{@link org.modelopt.models.jinja.Template} parses a template once and renders it with
 * variables. It behaves as transformers sets Jinja up for chat templates: blocks trim the line end
 * after them and the indentation before them, values cannot be changed by a template, {@code
 * break}, {@code continue}, {@code generation}, {@code raise_exception}, {@code strftime_now} and a
 * {@code tojson} that does not escape HTML are there. Templates come with checkpoints and are not
 * trusted: they reach nothing but their variables, and loops and recursion are bounded.
 *
 * <pre>{@code
 * String text = Template.parse("{{ name }}!").render(Map.of("name", "Emma")); // Emma!
 * }</pre>
 *
 * <p>Not there: inheritance, includes, imports, call and filter blocks, recursive loops.
 *
 * <p>Source: Jinja 3.1, "Template Designer Documentation"; transformers, {@code
 * utils/chat_template_utils.py}.
 */
@NullMarked
package org.modelopt.models.jinja;

import org.jspecify.annotations.NullMarked;
