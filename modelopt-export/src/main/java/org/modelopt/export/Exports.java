package org.modelopt.export;

import java.nio.file.Path;
import org.modelopt.export.compressed.CompressedTensorsTarget;
import org.modelopt.export.gguf.GgufExport;
import org.modelopt.export.hf.Fp8BlockTarget;
import org.modelopt.export.hf.Mxfp4Target;
import org.modelopt.export.hf.PlainTarget;
import org.modelopt.export.integer.AutoAwqTarget;
import org.modelopt.export.integer.GptqTarget;
import org.modelopt.export.integer.LlmAwqTarget;
import org.modelopt.export.trtllm.TensorRtLlmExport;
import org.modelopt.export.unified.ModelOptTarget;
import org.modelopt.export.write.TargetExport;
import org.modelopt.quantize.QuantizedModel;
import org.modelopt.tensor.DType;

/**
 * Entrance to the writers of checkpoints. Several checkpoints from one pass over the weights:
 * {@link org.modelopt.export.write.Export}.
 */
public final class Exports {
  private Exports() {}

  /**
   * A HuggingFace checkpoint with ModelOpt's metadata, for vLLM, SGLang and the PyTorch backend of
   * TensorRT-LLM.
   */
  public static TargetExport huggingFace(QuantizedModel quantized) {
    return TargetExport.of(quantized, new ModelOptTarget());
  }

  /** A HuggingFace checkpoint with FP8 weights in tiles of 128 by 128, as DeepSeek publishes. */
  public static TargetExport huggingFaceFp8(QuantizedModel quantized) {
    return TargetExport.of(quantized, new Fp8BlockTarget());
  }

  /** A gpt-oss with experts in MXFP4, as OpenAI publishes it. */
  public static TargetExport huggingFaceMxfp4(QuantizedModel quantized) {
    return TargetExport.of(quantized, new Mxfp4Target());
  }

  /** A HuggingFace checkpoint of compressed-tensors, for vLLM, SGLang and transformers. */
  public static TargetExport compressedTensors(QuantizedModel quantized) {
    return TargetExport.of(quantized, new CompressedTensorsTarget());
  }

  /** AutoAWQ's gemm version, for vLLM, SGLang and transformers. */
  public static TargetExport autoAwq(QuantizedModel quantized) {
    return TargetExport.of(quantized, new AutoAwqTarget());
  }

  /** llm-awq, for TinyChat and gptqmodel. */
  public static TargetExport llmAwq(QuantizedModel quantized) {
    return TargetExport.of(quantized, new LlmAwqTarget());
  }

  /** GPTQ, for vLLM, SGLang and transformers. */
  public static TargetExport gptq(QuantizedModel quantized) {
    return TargetExport.of(quantized, new GptqTarget());
  }

  /** A checkpoint of the classic TensorRT-LLM, for one GPU unless said otherwise. */
  public static TensorRtLlmExport tensorRtLlm(QuantizedModel quantized) {
    return TensorRtLlmExport.of(quantized);
  }

  /**
   * An ordinary HuggingFace checkpoint.
   *
   * @param dtype type of floats: F32, F16 or BF16
   */
  public static TargetExport plain(QuantizedModel quantized, DType dtype) {
    return TargetExport.of(quantized, new PlainTarget(dtype));
  }

  /** A GGUF file for llama.cpp with what the codes of {@code quantized} stand for. */
  public static GgufExport gguf(QuantizedModel quantized) {
    return GgufExport.of(quantized);
  }

  /** A GGUF file for llama.cpp of the checkpoint in {@code directory}, which is not quantized. */
  public static GgufExport gguf(Path directory) {
    return GgufExport.of(directory);
  }
}
