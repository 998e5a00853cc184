package org.modelopt.formats.ggml;

import org.jspecify.annotations.Nullable;

/**
 * Converts rows between floats and the blocks of one {@link GgmlType}. Safe for use by several
 * threads; the same row gives the same bytes on every machine.
 */
public final class GgmlCodec {
  private final GgmlType type;
  private final BlockCodec blocks;

  private GgmlCodec(GgmlType type, BlockCodec blocks) {
    this.type = type;
    this.blocks = blocks;
  }

  /**
   * The codec of {@code type}, with the fastest loops that this machine allows.
   *
   * @throws IllegalArgumentException if {@link GgmlType#hasCodec()} says no
   */
  public static GgmlCodec of(GgmlType type) {
    return new GgmlCodec(type, Vectors.AVAILABLE ? vectorBlocks(type) : scalarBlocks(type));
  }

  /** The codec of {@code type} in plain Java, which is the specification of all others. */
  public static GgmlCodec scalar(GgmlType type) {
    return new GgmlCodec(type, scalarBlocks(type));
  }

  private static BlockCodec vectorBlocks(GgmlType type) {
    return switch (type) {
      case Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, MXFP4, NVFP4 -> new VectorBlocks(type, scalarBlocks(type));
      case Q2_K, Q4_K, Q5_K -> new MinimumKBlocks(type, new VectorKLoops());
      case Q3_K, Q6_K -> new SymmetricKBlocks(type, new VectorKLoops());
      default -> scalarBlocks(type);
    };
  }

  private static BlockCodec scalarBlocks(GgmlType type) {
    return switch (type) {
      case F32, F16, BF16 -> new PlainCodec(type);
      case Q4_0, Q4_1, Q5_0, Q5_1, Q8_0 -> new SimpleBlocks(type);
      case MXFP4, NVFP4 -> new Fp4Blocks(type);
      case Q2_K, Q4_K, Q5_K -> new MinimumKBlocks(type, new ScalarKLoops());
      case Q3_K, Q6_K -> new SymmetricKBlocks(type, new ScalarKLoops());
      default -> throw new IllegalArgumentException("there is no codec for " + type);
    };
  }

  /** The type. */
  public GgmlType type() {
    return type;
  }

  /**
   * Encodes one row.
   *
   * @param x finite values, the first {@code columns} of which are the row
   * @param columns a whole number of blocks
   * @param importance weight of the squared error of each column, not negative; null for none.
   *     Types whose procedure knows no weights do not look at it
   * @param out receives the blocks from its start on
   * @throws IllegalArgumentException if the row is no whole number of blocks or an array is short
   */
  public void encode(float[] x, int columns, float @Nullable [] importance, byte[] out) {
    check(x, columns, out);
    if (importance != null && importance.length < columns) {
      throw new IllegalArgumentException(
          "importance of %d columns for %d".formatted(importance.length, columns));
    }
    blocks.encode(x, columns, importance, out);
  }

  /**
   * Decodes one row.
   *
   * @param in blocks from its start on
   * @param x receives {@code columns} values
   * @throws IllegalArgumentException if the row is no whole number of blocks or an array is short
   */
  public void decode(byte[] in, int columns, float[] x) {
    check(x, columns, in);
    blocks.decode(in, columns, x);
  }

  private void check(float[] x, int columns, byte[] bytes) {
    if (x.length < columns || bytes.length < type.byteSize(columns)) {
      throw new IllegalArgumentException(
          "%d floats and %d bytes are too few for %d columns of %s"
              .formatted(x.length, bytes.length, columns, type));
    }
  }
}
