package org.modelopt.models.server;

import java.io.Serial;

/** A request that is answered with an error. */
final class RequestException extends RuntimeException {
  @Serial private static final long serialVersionUID = 1;

  private final int status;
  private final String type;

  RequestException(int status, String type, String message) {
    super(message);
    this.status = status;
    this.type = type;
  }

  static RequestException invalid(String message) {
    return new RequestException(400, "invalid_request_error", message);
  }

  int status() {
    return status;
  }

  String type() {
    return type;
  }
}
