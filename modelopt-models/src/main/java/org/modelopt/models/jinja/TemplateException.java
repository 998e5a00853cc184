package org.modelopt.models.jinja;

import org.modelopt.error.DataException;

/** A template that cannot be parsed, or failed on the variables it was given. */
public final class TemplateException extends DataException {
  private static final long serialVersionUID = 1L;

  /** Creates the exception with a message that says what and, if known, in which line. */
  public TemplateException(String message) {
    super(message);
  }
}
