package org.modelopt.export.write;

import org.modelopt.export.verify.report.Consumer;

/** How a checkpoint in the working directory's {@code DIR} is served. */
public final class ServeCommands {
  private ServeCommands() {}

  /** The command, or the call, that loads {@code DIR}. */
  public static String of(Consumer consumer) {
    return switch (consumer) {
      case VLLM -> "vllm serve DIR";
      case SGLANG -> "python -m sglang.launch_server --model-path DIR";
      case TRTLLM_PYTORCH -> "trtllm-serve DIR";
      case TRTLLM -> "trtllm-build --checkpoint_dir DIR --output_dir ENGINE";
      case TRANSFORMERS -> "AutoModelForCausalLM.from_pretrained(\"DIR\", device_map=\"auto\")";
      case LLAMA_CPP -> "llama-server -m FILE";
    };
  }

  /** The state of the program that the rules of the check were taken from. */
  public static String state(Consumer consumer) {
    return switch (consumer) {
      case VLLM -> "May 2026";
      case SGLANG -> "July 2026";
      case TRTLLM_PYTORCH -> "2025-26";
      case TRTLLM -> "0.14 to mid 2025";
      case TRANSFORMERS -> "4.57 and 5.18";
      case LLAMA_CPP -> "v0.5.0";
    };
  }
}
