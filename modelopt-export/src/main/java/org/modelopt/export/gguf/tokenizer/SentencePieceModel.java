package org.modelopt.export.gguf.tokenizer;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.modelopt.error.CheckpointException;

/**
 * The pieces of a SentencePiece model file: field 1 of the message, repeated, each with a text
 * (field 1), a score (field 2, binary32) and a kind (field 3). Other fields are passed over.
 */
final class SentencePieceModel {
  /** A token of the model. */
  record Piece(String text, float score, TokenKind kind) {}

  private final Path file;
  private final ByteBuffer bytes;

  private SentencePieceModel(Path file, ByteBuffer bytes) {
    this.file = file;
    this.bytes = bytes;
  }

  /** Reads {@code file}; pieces by id. */
  static List<Piece> read(Path file) {
    try {
      ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
      return new SentencePieceModel(file, bytes).pieces();
    } catch (IOException e) {
      throw new CheckpointException(file + " cannot be read: " + e, e);
    }
  }

  private List<Piece> pieces() {
    List<Piece> pieces = new ArrayList<>();
    while (bytes.hasRemaining()) {
      long tag = varint();
      if (tag == (1 << 3 | 2)) {
        int end = length() + bytes.position();
        pieces.add(piece(end));
      } else {
        skip(tag);
      }
    }
    return pieces;
  }

  private Piece piece(int end) {
    String text = "";
    float score = 0;
    TokenKind kind = TokenKind.NORMAL;
    while (bytes.position() < end) {
      long tag = varint();
      if (tag == (1 << 3 | 2)) {
        byte[] utf8 = new byte[length()];
        bytes.get(utf8);
        text = new String(utf8, StandardCharsets.UTF_8);
      } else if (tag == (2 << 3 | 5)) {
        need(4);
        score = bytes.getFloat();
      } else if (tag == 3 << 3) {
        kind = TokenKind.ofId((int) varint());
      } else {
        skip(tag);
      }
    }
    return new Piece(text, score, kind);
  }

  private void skip(long tag) {
    int count =
        switch ((int) (tag & 7)) {
          case 0 -> {
            varint();
            yield 0;
          }
          case 1 -> 8;
          case 2 -> length();
          case 5 -> 4;
          default -> throw damaged();
        };
    need(count);
    bytes.position(bytes.position() + count);
  }

  private int length() {
    long length = varint();
    if (length < 0 || length > bytes.remaining()) {
      throw damaged();
    }
    return (int) length;
  }

  private long varint() {
    long value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      need(1);
      byte next = bytes.get();
      value |= (next & 0x7FL) << shift;
      if (next >= 0) {
        return value;
      }
    }
    throw damaged();
  }

  private void need(int count) {
    if (bytes.remaining() < count) {
      throw damaged();
    }
  }

  private CheckpointException damaged() {
    return new CheckpointException(
        "%s: at byte %d: is no SentencePiece model, or a damaged one"
            .formatted(file, bytes.position()));
  }
}
