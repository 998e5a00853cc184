package org.modelopt.error;

/** A configuration cannot be carried out on the given model. */
public class ConfigException extends ModelOptException {
  private static final long serialVersionUID = 1L;

  /** Creates the exception with a message that says what, where and what now. */
  public ConfigException(String message) {
    super(message);
  }

  /** Creates the exception with a message and the failure that led to it. */
  public ConfigException(String message, Throwable cause) {
    super(message, cause);
  }
}
