package org.modelopt.error;

/** A model is worse than a limit allows. */
public class QualityException extends ModelOptException {
  private static final long serialVersionUID = 1L;

  /** Creates the exception with a message that says what, where and what now. */
  public QualityException(String message) {
    super(message);
  }
}
