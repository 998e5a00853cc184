package org.modelopt.export.verify.scheme;

import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * Storage of one weight of all experts of gpt-oss: codes U8 {@code [experts, out, in / 32, 16]},
 * two E2M1 codes a byte with the even column in the low half, and scales U8 {@code [experts, out,
 * in / 32]} that stand for powers of two. Rows of gate and up alternate.
 *
 * <p>Source: vLLM, {@code layers/quantization/mxfp4.py}; transformers, {@code
 * integrations/mxfp4.py}.
 */
public final class StackedMxfp4 {
  /** Name for findings. */
  public static final String LABEL = "gpt-oss MXFP4";

  /** Inputs under one scale. */
  public static final int GROUP = 32;

  /** What the name of the codes ends in, after that of the unquantized tensor. */
  public static final String BLOCKS = "_blocks";

  /** What the name of the scales ends in. */
  public static final String SCALES = "_scales";

  private StackedMxfp4() {}

  /** Which elements share a scale. */
  public static Tile tile() {
    return Tile.group(GROUP);
  }

  /** Shape of the codes. */
  public static Shape blocks(long experts, long out, long in) {
    return Shape.of(experts, out, in / GROUP, GROUP / 2);
  }

  /** Shape of the scales. */
  public static Shape scales(long experts, long out, long in) {
    return Shape.of(experts, out, in / GROUP);
  }

  /**
   * Reads the rows of all experts, one expert after the other.
   *
   * @param blocks codes of the shape above
   * @param scales scales of the shape above
   * @param rows experts times outputs
   * @param in inputs
   */
  public static RowDecoder decoder(Tensor blocks, Tensor scales, long rows, long in) {
    return Decoders.e2m1(blocks, new ScaleRows(scales, tile(), rows, in, 1), in);
  }
}
