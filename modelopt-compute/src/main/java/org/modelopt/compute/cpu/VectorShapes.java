package org.modelopt.compute.cpu;

import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * The vector width: the machine's preferred one, 128 to 512 bits, or what the system property
 * {@value #BITS_PROPERTY} says. Constants, because the compiler needs to know the width.
 */
final class VectorShapes {
  static final String BITS_PROPERTY = "modelopt.cpu.vectorBits";

  private static final VectorShape SHAPE =
      VectorShape.forBitSize(
          Integer.getInteger(
              BITS_PROPERTY, Math.clamp(FloatVector.SPECIES_PREFERRED.vectorBitSize(), 128, 512)));
  private static final VectorShape HALF = VectorShape.forBitSize(SHAPE.vectorBitSize() / 2);

  static final VectorSpecies<Float> FLOATS = VectorSpecies.of(float.class, SHAPE);
  static final VectorSpecies<Integer> INTS = FLOATS.withLanes(int.class);
  static final VectorSpecies<Double> DOUBLES = VectorSpecies.of(double.class, SHAPE);
  static final VectorSpecies<Long> LONGS = DOUBLES.withLanes(long.class);

  /** As many shorts as {@link #FLOATS} has lanes. */
  static final VectorSpecies<Short> SHORTS = VectorSpecies.of(short.class, HALF);

  /** As many floats as {@link #DOUBLES} has lanes. */
  static final VectorSpecies<Float> HALF_FLOATS = VectorSpecies.of(float.class, HALF);

  private VectorShapes() {}

  static FloatVector load(float[] values, int index) {
    return FloatVector.fromArray(FLOATS, values, index);
  }

  static DoubleVector loadDoubles(double[] values, int index) {
    return DoubleVector.fromArray(DOUBLES, values, index);
  }

  /** Floats as doubles. */
  static DoubleVector widened(float[] values, int index) {
    return (DoubleVector)
        FloatVector.fromArray(HALF_FLOATS, values, index)
            .convertShape(jdk.incubator.vector.VectorOperators.F2D, DOUBLES, 0);
  }

  static ShortVector loadShorts(short[] values, int index) {
    return ShortVector.fromArray(SHORTS, values, index);
  }

  static IntVector ints(int value) {
    return IntVector.broadcast(INTS, value);
  }

  static LongVector longs(long value) {
    return LongVector.broadcast(LONGS, value);
  }

  static FloatVector floats(float value) {
    return FloatVector.broadcast(FLOATS, value);
  }

  static DoubleVector doubles(double value) {
    return DoubleVector.broadcast(DOUBLES, value);
  }
}
