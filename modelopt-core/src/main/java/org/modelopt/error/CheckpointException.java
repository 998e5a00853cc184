package org.modelopt.error;

/** A checkpoint file is missing, malformed or does not fit its configuration. */
public class CheckpointException extends ModelOptException {
  private static final long serialVersionUID = 1L;

  /** Creates the exception with a message that says what, where and what now. */
  public CheckpointException(String message) {
    super(message);
  }

  /** Creates the exception with a message and the failure that led to it. */
  public CheckpointException(String message, Throwable cause) {
    super(message, cause);
  }
}
