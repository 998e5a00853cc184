package org.modelopt.export.verify.layout;

import java.util.List;
import java.util.Map;

/**
 * Linear layers that servers join into one when they load them, because they read the same input.
 * The checkpoint keeps the separate names; the members must agree on their format.
 */
public final class Fusing {
  /** Name of the joined layer, and the names of its members in order. */
  private static final Map<String, List<String>> MEMBERS =
      Map.of(
          "qkv_proj", List.of("q_proj", "k_proj", "v_proj"),
          "gate_up_proj", List.of("gate_proj", "up_proj"),
          "w13", List.of("w1", "w3"),
          "fused_qkv_a_proj", List.of("q_a_proj", "kv_a_proj_with_mqa"));

  private static final String EXPERTS = ".experts.";

  private Fusing() {}

  /** The leaf names joined with {@code leaf}, in order; only itself if it stays alone. */
  public static List<String> membersWith(String leaf) {
    return MEMBERS.values().stream()
        .filter(members -> members.contains(leaf))
        .findFirst()
        .orElse(List.of(leaf));
  }

  /** The joined name of {@code leaf}; itself if it stays alone. */
  public static String fusedLeaf(String leaf) {
    return MEMBERS.entrySet().stream()
        .filter(entry -> entry.getValue().contains(leaf))
        .map(Map.Entry::getKey)
        .findFirst()
        .orElse(leaf);
  }

  /** Whether {@code leaf} names a joined layer. */
  public static List<String> shardsOf(String leaf) {
    return MEMBERS.getOrDefault(leaf, List.of());
  }

  /** Path of the container of all experts if {@code path} is one of them, else {@code path}. */
  public static String expertsOf(String path) {
    int at = path.indexOf(EXPERTS);
    return at < 0 ? path : path.substring(0, at + EXPERTS.length() - 1);
  }

  /** Whether {@code path} is a layer of one expert. */
  public static boolean isExpert(String path) {
    return path.contains(EXPERTS);
  }
}
