package org.modelopt.job;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import org.modelopt.config.Config;
import org.modelopt.config.Recipes;
import org.modelopt.model.Model;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;
import org.modelopt.tensor.TensorSource;

/**
 * Digests of everything that a job's result depends on. Samples enter with every byte; of each
 * weight tensor name, type, shape and three pieces of 4 KiB (first, middle, last), so that the
 * digest of a large checkpoint takes no second reading of it.
 */
public final class Fingerprint {
  private static final long PIECE = 4096;

  private Fingerprint() {}

  /** The digests, each under the name of what it is of. */
  public static SequencedMap<String, String> of(
      String version, Model model, List<Config> configs, List<Tensor> samples, Pass pass) {
    SequencedMap<String, String> parts = new LinkedHashMap<>();
    parts.put("version", version);
    parts.put("precision", pass.precision().name());
    parts.put("device", pass.backend().arithmetic());
    parts.put("config", configs(configs));
    parts.put("data", ofSamples(samples));
    parts.put("model", ofModel(model.tensors()));
    return parts;
  }

  private static String configs(List<Config> configs) {
    MessageDigest digest = sha256();
    configs.forEach(config -> add(digest, Recipes.write(config) + "\0"));
    return hex(digest);
  }

  /** The digest of samples. */
  public static String ofSamples(List<Tensor> samples) {
    MessageDigest digest = sha256();
    for (Tensor sample : samples) {
      add(digest, sample.dtype() + " " + sample.shape() + "\0");
      add(digest, sample.segment());
    }
    return hex(digest);
  }

  /** The digest of weights. */
  public static String ofModel(TensorSource source) {
    MessageDigest digest = sha256();
    for (TensorInfo info : source.tensors()) {
      add(digest, info.name() + " " + info.dtype() + " " + info.shape() + "\0");
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment bytes = source.open(info.name(), arena).segment();
        long last = Math.max(0, bytes.byteSize() - PIECE);
        long length = Math.min(PIECE, bytes.byteSize());
        add(digest, bytes.asSlice(0, length));
        add(digest, bytes.asSlice(last / 2, length));
        add(digest, bytes.asSlice(last, length));
      }
    }
    return hex(digest);
  }

  private static void add(MessageDigest digest, String text) {
    digest.update(text.getBytes(StandardCharsets.UTF_8));
  }

  private static void add(MessageDigest digest, MemorySegment bytes) {
    for (long at = 0; at < bytes.byteSize(); at += PIECE) {
      ByteBuffer piece = bytes.asSlice(at, Math.min(PIECE, bytes.byteSize() - at)).asByteBuffer();
      digest.update(piece);
    }
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  private static String hex(MessageDigest digest) {
    return HexFormat.of().formatHex(digest.digest());
  }
}
