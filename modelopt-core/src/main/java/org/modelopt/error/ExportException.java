package org.modelopt.error;

/** An export could not be written or did not pass its verification. */
public class ExportException extends ModelOptException {
  private static final long serialVersionUID = 1L;

  /** Creates the exception with a message that says what, where and what now. */
  public ExportException(String message) {
    super(message);
  }

  /** Creates the exception with a message and the failure that led to it. */
  public ExportException(String message, Throwable cause) {
    super(message, cause);
  }
}
