package org.modelopt.export.gguf.tokenizer;

import java.util.Arrays;

/** What a token is; the numbers are those of files, and of SentencePiece models too. */
enum TokenKind {
  NORMAL(1),
  UNKNOWN(2),
  CONTROL(3),
  USER_DEFINED(4),
  UNUSED(5),
  BYTE(6);

  private final int id;

  TokenKind(int id) {
    this.id = id;
  }

  int id() {
    return id;
  }

  static TokenKind ofId(int id) {
    return Arrays.stream(values()).filter(kind -> kind.id == id).findFirst().orElse(NORMAL);
  }
}
