package org.modelopt.formats.ggml;

/**
 * The bit layouts of the K types: super-blocks of 256 elements. Codes are bytes; packing takes
 * eight of them at a time, in a long.
 */
final class KCodes {
  static final int SUPER = 256;

  private static final long ONES = 0x0101010101010101L;
  private static final long NIBBLES = 15 * ONES;

  private KCodes() {}

  /** Twelve bytes of eight 6-bit scales and eight 6-bit depths (Q4_K, Q5_K). */
  static void packSixBits(int[] scales, int[] depths, byte[] out, int at) {
    for (int j = 0; j < 4; j++) {
      out[at + j] = (byte) (scales[j] | (scales[j + 4] >>> 4) << 6);
      out[at + 4 + j] = (byte) (depths[j] | (depths[j + 4] >>> 4) << 6);
      out[at + 8 + j] = (byte) (scales[j + 4] & 15 | (depths[j + 4] & 15) << 4);
    }
  }

  static void unpackSixBits(byte[] in, int at, int[] scales, int[] depths) {
    for (int j = 0; j < 4; j++) {
      int scale = in[at + j] & 0xFF;
      int depth = in[at + 4 + j] & 0xFF;
      int low = in[at + 8 + j] & 0xFF;
      scales[j] = scale & 63;
      depths[j] = depth & 63;
      scales[j + 4] = low & 15 | (scale >>> 6) << 4;
      depths[j + 4] = low >>> 4 | (depth >>> 6) << 4;
    }
  }

  /** 128 bytes: byte 32c + l has elements 64c + l (low) and 64c + 32 + l (high). */
  static void packNibbles(byte[] codes, byte[] out, int at) {
    for (int c = 0; c < 4; c++) {
      for (int l = 0; l < 32; l += 8) {
        long low = Bytes.getLong(codes, 64 * c + l);
        long high = Bytes.getLong(codes, 64 * c + 32 + l);
        Bytes.putLong(out, at + 32 * c + l, low & NIBBLES | (high & NIBBLES) << 4);
      }
    }
  }

  static void unpackNibbles(byte[] in, int at, byte[] codes) {
    for (int c = 0; c < 4; c++) {
      for (int l = 0; l < 32; l++) {
        int pair = in[at + 32 * c + l] & 0xFF;
        codes[64 * c + l] = (byte) (pair & 15);
        codes[64 * c + 32 + l] = (byte) (pair >>> 4);
      }
    }
  }

  /** 32 bytes: bit k of byte l is bit {@code bit} of element 32k + l. */
  static void packBit(byte[] codes, int bit, byte[] out, int at) {
    for (int l = 0; l < 32; l += 8) {
      long bits = 0;
      for (int k = 0; k < 8; k++) {
        bits |= (Bytes.getLong(codes, 32 * k + l) >>> bit & ONES) << k;
      }
      Bytes.putLong(out, at + l, bits);
    }
  }

  static void addBit(byte[] in, int at, int bit, byte[] codes) {
    for (int l = 0; l < 32; l++) {
      for (int k = 0; k < 8; k++) {
        codes[32 * k + l] |= (byte) ((in[at + l] >>> k & 1) << bit);
      }
    }
  }

  /**
   * 64 bytes of two bits: byte 32h + l has elements l, l + 32, l + 64, l + 96 of half h, first ones
   * lowest.
   *
   * @param shift position of the two bits in a code
   */
  static void packPairs(byte[] codes, int shift, byte[] out, int at) {
    for (int h = 0; h < 2; h++) {
      for (int l = 0; l < 32; l += 8) {
        long bits = 0;
        for (int k = 0; k < 4; k++) {
          bits |= (Bytes.getLong(codes, 128 * h + 32 * k + l) >>> shift & 3 * ONES) << 2 * k;
        }
        Bytes.putLong(out, at + 32 * h + l, bits);
      }
    }
  }

  static void addPairs(byte[] in, int at, int shift, byte[] codes) {
    for (int h = 0; h < 2; h++) {
      for (int l = 0; l < 32; l++) {
        for (int k = 0; k < 4; k++) {
          codes[128 * h + 32 * k + l] |= (byte) ((in[at + 32 * h + l] >>> 2 * k & 3) << shift);
        }
      }
    }
  }

  /**
   * 128 bytes of four bits (Q6_K): of half h, byte 64h + l has elements l (low) and l + 64 (high),
   * byte 64h + 32 + l has l + 32 and l + 96.
   */
  static void packHalves(byte[] codes, byte[] out, int at) {
    for (int h = 0; h < 2; h++) {
      for (int l = 0; l < 64; l += 8) {
        long low = Bytes.getLong(codes, 128 * h + l);
        long high = Bytes.getLong(codes, 128 * h + 64 + l);
        Bytes.putLong(out, at + 64 * h + l, low & NIBBLES | (high & NIBBLES) << 4);
      }
    }
  }

  static void unpackHalves(byte[] in, int at, byte[] codes) {
    for (int h = 0; h < 2; h++) {
      for (int l = 0; l < 64; l++) {
        int pair = in[at + 64 * h + l] & 0xFF;
        codes[128 * h + l] = (byte) (pair & 15);
        codes[128 * h + 64 + l] = (byte) (pair >>> 4);
      }
    }
  }

  /** Twelve bytes of sixteen 6-bit scales (Q3_K). */
  static void packScales(int[] scales, byte[] out, int at) {
    for (int j = 0; j < 8; j++) {
      out[at + j] = (byte) (scales[j] & 15 | (scales[j + 8] & 15) << 4);
    }
    for (int j = 0; j < 4; j++) {
      int bits = 0;
      for (int k = 0; k < 4; k++) {
        bits |= (scales[4 * k + j] >>> 4) << 2 * k;
      }
      out[at + 8 + j] = (byte) bits;
    }
  }

  static void unpackScales(byte[] in, int at, int[] scales) {
    for (int j = 0; j < 16; j++) {
      int low = j < 8 ? in[at + j] & 15 : in[at + j - 8] >>> 4 & 15;
      scales[j] = low | (in[at + 8 + j % 4] >>> 2 * (j / 4) & 3) << 4;
    }
  }
}
