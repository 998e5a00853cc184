package org.modelopt.formats.ggml;

import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;
import org.modelopt.formats.internal.Rungs;

/** The vector width, 128 to 512 bits: constants, because the compiler needs to know it. */
final class Lanes {
  private static final VectorShape FULL =
      VectorShape.forBitSize(
          Integer.getInteger(
              Rungs.BITS_PROPERTY,
              Math.clamp(FloatVector.SPECIES_PREFERRED.vectorBitSize(), 128, 512)));

  static final VectorSpecies<Float> FLOATS = VectorSpecies.of(float.class, FULL);
  static final VectorSpecies<Integer> INTS = FLOATS.withLanes(int.class);

  /** As many shorts as there are lanes. */
  static final VectorSpecies<Short> SHORTS =
      VectorSpecies.of(short.class, VectorShape.forBitSize(FULL.vectorBitSize() / 2));

  /** As many bytes as there are lanes, and twice as many at 128 bits. */
  static final VectorSpecies<Byte> BYTES =
      VectorSpecies.of(byte.class, VectorShape.forBitSize(Math.max(64, FULL.vectorBitSize() / 4)));

  /** Elements of a vector: 4, 8 or 16. */
  static final int COUNT = FLOATS.length();

  /** Whether {@link #BYTES} has exactly as many lanes. */
  static final boolean HAS_BYTES = BYTES.length() == COUNT;

  private Lanes() {}

  static FloatVector floats(float value) {
    return FloatVector.broadcast(FLOATS, value);
  }

  /** See {@link Bytes#near}. */
  static IntVector near(FloatVector values, int low, int high) {
    IntVector bits = values.add(Bytes.ROUNDER).reinterpretAsInts();
    return bits.sub(Bytes.ROUNDER_BITS).max(low).min(high);
  }

  /** {@link #near} as floats. */
  static FloatVector nearest(FloatVector values, int low, int high) {
    return (FloatVector) near(values, low, high).convertShape(VectorOperators.I2F, FLOATS, 0);
  }

  /**
   * Puts sub-blocks side by side: element i of sub-block {@code first + k} to {@code to[i * COUNT +
   * k]}. Lanes beyond {@code lanes} repeat the last one.
   */
  static void gather(float[] from, int first, int lanes, int size, float[] to) {
    for (int lane = 0; lane < COUNT; lane++) {
      int at = (first + Math.min(lane, lanes - 1)) * size;
      for (int i = 0; i < size; i++) {
        to[i * COUNT + lane] = from[at + i];
      }
    }
  }

  /** The low 8 bits of each lane to {@code out}. */
  static void storeBytes(IntVector ints, byte[] out, int at) {
    if (HAS_BYTES) {
      ((ByteVector) ints.convertShape(VectorOperators.I2B, BYTES, 0)).intoArray(out, at);
    } else {
      for (int lane = 0; lane < COUNT; lane++) {
        out[at + lane] = (byte) ints.lane(lane);
      }
    }
  }
}
