package org.modelopt.error;

/** Calibration or evaluation data is missing, malformed or empty. */
public class DataException extends ModelOptException {
  private static final long serialVersionUID = 1L;

  /** Creates the exception with a message that says what, where and what now. */
  public DataException(String message) {
    super(message);
  }

  /** Creates the exception with a message and the failure that led to it. */
  public DataException(String message, Throwable cause) {
    super(message, cause);
  }
}
