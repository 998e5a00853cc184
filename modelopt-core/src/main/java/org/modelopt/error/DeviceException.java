package org.modelopt.error;

/** A compute device or its native library failed or is not there. */
public class DeviceException extends ModelOptException {
  private static final long serialVersionUID = 1L;

  /** Creates the exception with a message that says what, where and what now. */
  public DeviceException(String message) {
    super(message);
  }

  /** Creates the exception with a message and the failure that led to it. */
  public DeviceException(String message, Throwable cause) {
    super(message, cause);
  }
}
