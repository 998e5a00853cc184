package org.modelopt.export.gguf.verify;

import java.util.ArrayList;
import java.util.List;
import org.modelopt.export.gguf.architecture.GgufArchitecture;
import org.modelopt.export.gguf.container.GgufFile;

/**
 * A tensor that an architecture reads.
 *
 * @param name its name
 * @param extents its extents, trailing ones of 1 left out
 * @param required whether it must be there
 * @param scalable whether a scale may stand beside it
 */
record ExpectedTensor(String name, List<Long> extents, boolean required, boolean scalable) {
  /** All tensors of the model that the metadata of {@code file} describes. */
  static List<ExpectedTensor> of(GgufFile file, GgufArchitecture architecture) {
    return new Builder(file, architecture).build();
  }

  private static final class Builder {
    private final GgufFile file;
    private final GgufArchitecture architecture;
    private final List<ExpectedTensor> tensors = new ArrayList<>();
    private final long hidden;
    private final long query;
    private final long key;
    private final long head;
    private final long experts;

    Builder(GgufFile file, GgufArchitecture architecture) {
      this.file = file;
      this.architecture = architecture;
      this.hidden = key("embedding_length", 0);
      this.head = TensorRules.headSize(file, architecture).orElse(0);
      long heads = key("attention.head_count", 0);
      this.query = heads * head;
      this.key = key("attention.head_count_kv", heads) * head;
      this.experts = key("expert_count", 0);
    }

    private long key(String name, long fallback) {
      return file.findU32(architecture.id() + "." + name).orElse(fallback);
    }

    List<ExpectedTensor> build() {
      long rows =
          file.findTexts("tokenizer.ggml.tokens")
              .map(tokens -> (long) tokens.size())
              .orElse(key("vocab_size", 0));
      add("token_embd.weight", true, false, hidden, rows);
      add("output_norm.weight", true, false, hidden);
      if (architecture != GgufArchitecture.GEMMA2) {
        add("output.weight", architecture == GgufArchitecture.GPT_OSS, true, hidden, rows);
      }
      add("rope_freqs.weight", false, false, head / 2);
      if (architecture == GgufArchitecture.PHI3) {
        add("rope_factors_long.weight", false, false, key("rope.dimension_count", head) / 2);
        add("rope_factors_short.weight", false, false, key("rope.dimension_count", head) / 2);
      }
      for (long layer = 0; layer < Math.min(512, key("block_count", 0)); layer++) {
        layer("blk." + layer + ".");
      }
      return tensors;
    }

    private void layer(String at) {
      boolean gptOss = architecture == GgufArchitecture.GPT_OSS;
      boolean gemma =
          architecture == GgufArchitecture.GEMMA2 || architecture == GgufArchitecture.GEMMA3;
      add(at + "attn_norm.weight", true, false, hidden);
      attention(at, gptOss);
      if (gptOss) {
        add(at + "post_attention_norm.weight", true, false, hidden);
        add(at + "attn_sinks.weight", true, false, query / Math.max(1, head));
      } else {
        add(at + "ffn_norm.weight", true, false, hidden);
      }
      if (gemma) {
        add(at + "post_attention_norm.weight", true, false, hidden);
        add(at + "post_ffw_norm.weight", true, false, hidden);
      }
      if (experts > 0) {
        experts(at, gptOss);
      } else {
        dense(at);
      }
    }

    private void attention(String at, boolean gptOss) {
      boolean qwen2 = architecture == GgufArchitecture.QWEN2;
      boolean mayHaveBias = qwen2 || gptOss || architecture == GgufArchitecture.LLAMA;
      boolean fused =
          architecture == GgufArchitecture.PHI3 || file.find(at + "attn_qkv.weight").isPresent();
      if (fused) {
        add(at + "attn_qkv.weight", true, true, hidden, query + 2 * key);
      } else {
        add(at + "attn_q.weight", true, true, hidden, query);
        add(at + "attn_k.weight", true, true, hidden, key);
        add(at + "attn_v.weight", true, true, hidden, key);
      }
      if (mayHaveBias) {
        add(at + "attn_q.bias", qwen2 && !fused, false, query);
        add(at + "attn_k.bias", qwen2 && !fused, false, key);
        add(at + "attn_v.bias", qwen2 && !fused, false, key);
      }
      add(at + "attn_output.weight", true, true, query, hidden);
      if (gptOss || architecture == GgufArchitecture.LLAMA) {
        add(at + "attn_output.bias", gptOss, false, hidden);
      }
      switch (architecture) {
        case QWEN3, QWEN3MOE, GEMMA3 -> {
          add(at + "attn_q_norm.weight", true, false, head);
          add(at + "attn_k_norm.weight", true, false, head);
        }
        case LLAMA, QWEN2, GEMMA2, PHI3, GPT_OSS -> {}
      }
    }

    private void dense(String at) {
      long width = key("feed_forward_length", 0);
      if (architecture == GgufArchitecture.PHI3) {
        add(at + "ffn_up.weight", true, true, hidden, 2 * width);
      } else {
        add(at + "ffn_gate.weight", true, true, hidden, width);
        add(at + "ffn_up.weight", true, true, hidden, width);
      }
      add(at + "ffn_down.weight", true, true, width, hidden);
      if (architecture == GgufArchitecture.LLAMA) {
        add(at + "ffn_gate.bias", false, false, width);
        add(at + "ffn_up.bias", false, false, width);
        add(at + "ffn_down.bias", false, false, hidden);
      }
    }

    private void experts(String at, boolean biases) {
      long dense = key("feed_forward_length", 0);
      long used = Math.max(1, key("expert_used_count", 1));
      long width =
          architecture == GgufArchitecture.LLAMA
              ? dense
              : key("expert_feed_forward_length", dense / used);
      add(at + "ffn_gate_inp.weight", true, false, hidden, experts);
      add(at + "ffn_gate_exps.weight", true, true, hidden, width, experts);
      add(at + "ffn_up_exps.weight", true, true, hidden, width, experts);
      add(at + "ffn_down_exps.weight", true, true, width, hidden, experts);
      if (biases) {
        add(at + "ffn_gate_inp.bias", true, false, experts);
        add(at + "ffn_gate_exps.bias", true, false, width, experts);
        add(at + "ffn_up_exps.bias", true, false, width, experts);
        add(at + "ffn_down_exps.bias", true, false, hidden, experts);
      }
    }

    private void add(String name, boolean required, boolean scalable, long... extents) {
      List<Long> list = new ArrayList<>();
      for (long extent : extents) {
        list.add(extent);
      }
      tensors.add(new ExpectedTensor(name, List.copyOf(list), required, scalable));
    }
  }
}
