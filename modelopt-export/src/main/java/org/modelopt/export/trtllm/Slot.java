package org.modelopt.export.trtllm;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.modelopt.model.Linear;

/**
 * Where a linear goes.
 *
 * @param layer its decoder layer
 * @param module name of the module within the layer, for example {@code attention.qkv}
 * @param member which of the linears that are joined in the module, in their order
 * @param expert number of the expert; -1 outside experts
 * @param byRow whether parts are columns of the weight (an all-reduce follows) instead of rows
 */
record Slot(int layer, String module, int member, int expert, boolean byRow) {
  private static final Pattern NAME = Pattern.compile("model\\.layers\\.(\\d+)\\.(.+)");
  private static final Pattern EXPERT =
      Pattern.compile("(?:mlp|block_sparse_moe)\\.experts\\.(\\d+)\\.(.+)");
  private static final Map<String, String> MODULES =
      Map.ofEntries(
          Map.entry("self_attn.q_proj", "attention.qkv"),
          Map.entry("self_attn.k_proj", "attention.qkv"),
          Map.entry("self_attn.v_proj", "attention.qkv"),
          Map.entry("self_attn.o_proj", "attention.dense"),
          Map.entry("mlp.gate_proj", "mlp.fc"),
          Map.entry("mlp.up_proj", "mlp.gate"),
          Map.entry("mlp.down_proj", "mlp.proj"),
          Map.entry("mlp.gate", "mlp.router"),
          Map.entry("block_sparse_moe.gate", "mlp.router"));
  private static final List<String> ATTENTION =
      List.of("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj");

  /** Experts hold up before gate in one tensor. */
  private static final List<String> EXPERT_ORDER = List.of("up_proj", "gate_proj", "w3", "w1");

  /** The slot of a linear, if TensorRT-LLM has one. */
  static Optional<Slot> of(Linear linear) {
    Matcher name = NAME.matcher(linear.name());
    if (!name.matches()) {
      return Optional.empty();
    }
    int layer = Integer.parseInt(name.group(1));
    String rest = name.group(2);
    Matcher expert = EXPERT.matcher(rest);
    if (expert.matches()) {
      int number = Integer.parseInt(expert.group(1));
      String leaf = expert.group(2);
      boolean down = leaf.equals("down_proj") || leaf.equals("w2");
      int member = down ? 0 : EXPERT_ORDER.indexOf(leaf) % 2;
      return member < 0
          ? Optional.empty()
          : Optional.of(new Slot(layer, down ? "mlp.proj" : "mlp.fc", member, number, down));
    }
    return Optional.ofNullable(MODULES.get(rest))
        .map(module ->
            new Slot(
                layer,
                module,
                Math.max(0, ATTENTION.indexOf(rest)),
                -1,
                module.equals("attention.dense") || module.equals("mlp.proj")));
  }

  boolean isRouter() {
    return module.equals("mlp.router");
  }

  boolean isExpert() {
    return expert >= 0;
  }
}
