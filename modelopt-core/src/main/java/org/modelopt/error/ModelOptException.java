package org.modelopt.error;

/** A failure the library foresaw; the message says what, where and what to do. */
public class ModelOptException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Creates the exception with a message that says what, where and what now. */
  public ModelOptException(String message) {
    super(message);
  }

  /** Creates the exception with a message and the failure that led to it. */
  public ModelOptException(String message, Throwable cause) {
    super(message, cause);
  }
}
