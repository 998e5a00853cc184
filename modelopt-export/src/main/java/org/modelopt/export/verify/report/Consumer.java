package org.modelopt.export.verify.report;

import java.util.Arrays;
import java.util.Optional;

/** A program that loads exported checkpoints; its rules are held against the files. */
public enum Consumer {
  /** vLLM. */
  VLLM("vllm", "vLLM"),
  /** SGLang. */
  SGLANG("sglang", "SGLang"),
  /** TensorRT-LLM with its PyTorch backend, which reads HuggingFace directories. */
  TRTLLM_PYTORCH("trtllm-pytorch", "TensorRT-LLM (PyTorch backend)"),
  /** HuggingFace transformers. */
  TRANSFORMERS("transformers", "transformers"),
  /** llama.cpp, which reads GGUF files. */
  LLAMA_CPP("llama.cpp", "llama.cpp");

  private final String id;
  private final String title;

  Consumer(String id, String title) {
    this.id = id;
    this.title = title;
  }

  /** Short lower-case name for command lines and JSON. */
  public String id() {
    return id;
  }

  /** Name for people. */
  public String title() {
    return title;
  }

  /** The consumer called {@code id}, if there is one. */
  public static Optional<Consumer> ofId(String id) {
    return Arrays.stream(values()).filter(c -> c.id.equals(id)).findFirst();
  }
}
