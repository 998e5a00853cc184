package org.modelopt.export.gguf.container;

/** Limits of readers. */
public final class GgufLimits {
  /** Longest tensor name in UTF-8. */
  public static final int NAME_BYTES = 63;

  /** Most extents. */
  public static final int DIMENSIONS = 4;

  /** Longest string in bytes, and largest number of elements of an array. */
  public static final long LENGTH = 1L << 30;

  /** Key of the alignment. */
  public static final String ALIGNMENT_KEY = "general.alignment";

  /** Alignment unless the key says otherwise. */
  public static final int ALIGNMENT = 32;

  static final int MAGIC = 0x46554747;
  static final int VERSION = 3;

  private GgufLimits() {}

  /** {@code size} rounded up to a multiple of {@code alignment}. */
  static long padded(long size, long alignment) {
    return Math.multiplyExact(Math.ceilDiv(size, alignment), alignment);
  }
}
