package org.modelopt.formats.packing;

import org.modelopt.formats.packing.Words.Axis;

/**
 * The packings that consumers know.
 *
 * <p>Sources: AutoAWQ {@code awq/utils/packing_utils.py}, llm-awq {@code awq/quantize/qmodule.py},
 * GPTQModel {@code qlinear}, compressed-tensors {@code pack_quantized.py}, Model-Optimizer {@code
 * quant_utils.py} and {@code qtensor}.
 */
public final class Packings {
  /**
   * Two 4-bit codes a byte, the even column in the low nibble, U8 {@code [rows, ceil(columns /
   * 2)]}: NVFP4 and MXFP4 weights everywhere.
   */
  public static final Packing EVEN_LOW = new NibblePairs(false);

  /**
   * Two 4-bit codes a byte, the even column in the high nibble: compressed tensors of
   * Model-Optimizer (INT4, with offset, and NF4).
   */
  public static final Packing EVEN_HIGH = new NibblePairs(true);

  /**
   * Two 4-bit codes of neighbouring rows a byte, the even row in the low nibble, U8 {@code [rows /
   * 2, columns]}: W4A16_AWQ and W4A8_AWQ of Model-Optimizer and TensorRT-LLM, two's complement.
   */
  public static final Packing ROW_PAIRS = new RowPairs();

  /**
   * I32 {@code [rows, ceil(columns * bits / 32)]}, along rows: weights of compressed-tensors
   * pack-quantized (with offset) and of AutoAWQ gemv.
   */
  public static final Packing ALONG_COLUMNS = new Words(Axis.COLUMNS, false, false);

  /**
   * I32 {@code [ceil(rows * bits / 32), columns]}, words hold neighbouring rows: zero points of
   * compressed-tensors.
   */
  public static final Packing ALONG_ROWS = new Words(Axis.ROWS, false, false);

  /**
   * I32 {@code [ceil(columns * bits / 32), rows]}: weights of GPTQ, {@code [K * bits / 32, N]}.
   * 3-bit codes fill three words with 32 inputs without a gap.
   */
  public static final Packing GPTQ_WEIGHT = new Words(Axis.COLUMNS, true, false);

  /** I32 {@code [columns, ceil(rows * bits / 32)]}: zero points of GPTQ, {@code [K / g, N/8]}. */
  public static final Packing GPTQ_ZERO_POINT = new Words(Axis.ROWS, true, false);

  /**
   * I32 {@code [columns, rows / 8]}: weights {@code [K, N / 8]} and zero points {@code [K / g, N /
   * 8]} of AutoAWQ gemm, 4 bits. Nibble i of a word holds output {@code 0 2 4 6 1 3 5 7} of eight.
   */
  public static final Packing AWQ_GEMM = new Words(Axis.ROWS, true, true);

  /**
   * I16 {@code [rows / 4, columns]}: weights of llm-awq and of AutoAWQ gemv_fast, 4 bits; columns a
   * multiple of 64.
   */
  public static final Packing LLM_AWQ = new LlmAwq();

  private Packings() {}
}
