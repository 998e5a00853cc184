package org.modelopt.models.server;

import java.io.Serial;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A request that is answered with an error. */
final class RequestException extends RuntimeException {
  @Serial private static final long serialVersionUID = 1;

  private final int status;
  private final String type;
  private final @Nullable String code;

  RequestException(int status, String type, String message) {
    this(status, type, null, message);
  }

  private RequestException(int status, String type, @Nullable String code, String message) {
    super(message);
    this.status = status;
    this.type = type;
    this.code = code;
  }

  static RequestException invalid(String message) {
    return new RequestException(400, "invalid_request_error", message);
  }

  /** A model that is not the one served, told as OpenAI's service tells it. */
  static RequestException unknownModel(String asked, String served) {
    return new RequestException(
        404,
        "invalid_request_error",
        "model_not_found",
        "the model `%s` does not exist; `%s` is served".formatted(asked, served));
  }

  int status() {
    return status;
  }

  String type() {
    return type;
  }

  /** What clients tell errors apart by, where the API has such a code. */
  Optional<String> code() {
    return Optional.ofNullable(code);
  }
}
