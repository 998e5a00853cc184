package org.modelopt.formats.internal;

import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * The vector width: the machine's preferred one, 128 to 512 bits, or what {@link
 * Rungs#BITS_PROPERTY} says. Constants, because the compiler needs to know the width.
 */
final class VectorShapes {
  static final ByteOrder LITTLE = ByteOrder.LITTLE_ENDIAN;

  private static final VectorShape FULL =
      VectorShape.forBitSize(
          Integer.getInteger(
              Rungs.BITS_PROPERTY,
              Math.clamp(FloatVector.SPECIES_PREFERRED.vectorBitSize(), 128, 512)));
  private static final VectorShape HALF = VectorShape.forBitSize(FULL.vectorBitSize() / 2);

  static final VectorSpecies<Float> FLOATS = VectorSpecies.of(float.class, FULL);
  static final VectorSpecies<Integer> INTS = FLOATS.withLanes(int.class);
  static final VectorSpecies<Short> SHORTS = FLOATS.withLanes(short.class);
  static final VectorSpecies<Byte> BYTES = FLOATS.withLanes(byte.class);

  /** As many shorts as {@link #INTS} has lanes. */
  static final VectorSpecies<Short> HALF_SHORTS = VectorSpecies.of(short.class, HALF);

  /** As many shorts as there are lanes of 64 bits, if {@link #HAS_QUARTER}. */
  static final VectorSpecies<Short> QUARTER_SHORTS =
      VectorSpecies.of(short.class, VectorShape.forBitSize(Math.max(64, FULL.vectorBitSize() / 4)));

  /** As many bytes as {@link #SHORTS} has lanes. */
  static final VectorSpecies<Byte> HALF_BYTES = VectorSpecies.of(byte.class, HALF);

  /**
   * As many bytes as {@link #INTS} has lanes; at 128 bits twice as many, as there is no shorter
   * vector, and the upper half is zero.
   */
  static final VectorSpecies<Byte> QUARTER_BYTES =
      VectorSpecies.of(byte.class, VectorShape.forBitSize(Math.max(64, FULL.vectorBitSize() / 4)));

  /** Lanes of {@link #INTS} and {@link #FLOATS}. */
  static final int LANES = INTS.length();

  /** Whether {@link #QUARTER_BYTES} has exactly {@link #LANES} lanes. */
  static final boolean HAS_QUARTER = QUARTER_BYTES.length() == LANES;

  private VectorShapes() {}

  static FloatVector floats(float value) {
    return FloatVector.broadcast(FLOATS, value);
  }

  static IntVector ints(int value) {
    return IntVector.broadcast(INTS, value);
  }

  /** 16-bit elements as unsigned integers, one per lane. */
  static IntVector widen(ShortVector shorts) {
    return (IntVector) shorts.convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0);
  }

  /** Bytes as unsigned integers, one per lane. */
  static IntVector widen(ByteVector bytes) {
    return (IntVector) bytes.convertShape(VectorOperators.ZERO_EXTEND_B2I, INTS, 0);
  }

  /** The low 16 bits of each lane. */
  static ShortVector narrowToShorts(IntVector ints) {
    return (ShortVector) ints.convertShape(VectorOperators.I2S, HALF_SHORTS, 0);
  }

  /** The low 8 bits of each lane. */
  static ByteVector narrowToBytes(IntVector ints) {
    return (ByteVector) ints.convertShape(VectorOperators.I2B, QUARTER_BYTES, 0);
  }

  /** The low 8 bits of each lane. */
  static ByteVector narrowToBytes(ShortVector shorts) {
    return (ByteVector) shorts.convertShape(VectorOperators.S2B, HALF_BYTES, 0);
  }
}
