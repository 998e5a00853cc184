package org.modelopt.models.text;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import java.io.IOException;
import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import org.modelopt.error.CheckpointException;

/**
 * A {@code tokenizer.json}: encodes without truncation or padding, whatever the file says. Safe for
 * use by several threads; its native memory goes when it is no longer reachable.
 */
final class Tokenizer {
  private static final Cleaner CLEANER = Cleaner.create();

  private final TokenizersLibrary library;
  private final long handle;

  private Tokenizer(TokenizersLibrary library, long handle) {
    this.library = library;
    this.handle = handle;
    CLEANER.register(this, () -> library.deleteTokenizer(handle));
  }

  /**
   * Reads {@code file}.
   *
   * @throws CheckpointException if it is missing or not what the tokenizer library understands
   */
  static Tokenizer read(Path file) {
    String json;
    try {
      json = Files.readString(file);
    } catch (NoSuchFileException e) {
      throw new CheckpointException(
          file
              + " is missing, so text cannot be turned into tokens; copy it from the original"
              + " model, have it made with AutoTokenizer.from_pretrained(…).save_pretrained(…), or"
              + " give rows of token ids instead of text",
          e);
    } catch (CharacterCodingException e) {
      throw new CheckpointException(file + " is not UTF-8; the download is damaged", e);
    } catch (IOException e) {
      throw new CheckpointException(file + " cannot be read: " + e.getMessage(), e);
    }
    TokenizersLibrary library = TokenizerLibrary.get();
    try {
      long handle = library.createTokenizerFromString(json);
      library.disableTruncation(handle);
      library.disablePadding(handle);
      return new Tokenizer(library, handle);
    } catch (RuntimeException e) {
      throw new CheckpointException(
          file + " is not a tokenizer that can be read: " + e.getMessage(), e);
    }
  }

  int[] encode(String text, boolean specialTokens) {
    try {
      long encoding = library.encode(handle, text, specialTokens);
      try {
        return Arrays.stream(library.getTokenIds(encoding)).mapToInt(Math::toIntExact).toArray();
      } finally {
        library.deleteEncoding(encoding);
      }
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  String decode(int[] ids, boolean skipSpecialTokens) {
    try {
      return library.decode(handle, Arrays.stream(ids).asLongStream().toArray(), skipSpecialTokens);
    } finally {
      Reference.reachabilityFence(this);
    }
  }
}
