package org.modelopt.formats.ggml;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import org.jspecify.annotations.Nullable;

/** The loops in lanes give the bytes of the plain ones. */
class GgmlRungProperties {
  @Provide
  Arbitrary<GgmlType> types() {
    return Arbitraries.of(GgmlType.values()).filter(GgmlType::hasCodec);
  }

  @Property(tries = 150)
  void lanesGiveTheBytesOfThePlainLoops(
      @ForAll("types") GgmlType type,
      @ForAll @IntRange(min = 1, max = 5) int blocks,
      @ForAll @IntRange(max = 6) int kind,
      @ForAll boolean weighted,
      @ForAll long seed) {
    int columns = blocks * (type.isBlocked() ? type.blockElements() : 17);
    Random random = new Random(seed);
    float[] x = new float[columns];
    float[] importance = new float[columns];
    for (int i = 0; i < columns; i++) {
      x[i] = value(random, kind);
      importance[i] = random.nextFloat() < 0.1f ? 0 : random.nextFloat() * 3;
    }
    float @Nullable [] weights = weighted ? importance : null;
    byte[] plain = new byte[Math.toIntExact(type.byteSize(columns))];
    byte[] lanes = plain.clone();
    GgmlCodec.scalar(type).encode(x, columns, weights, plain);
    GgmlCodec.of(type).encode(x, columns, weights, lanes);
    assertArrayEquals(plain, lanes);
  }

  private static float value(Random random, int kind) {
    float normal = (float) random.nextGaussian();
    return switch (kind) {
      case 0 -> normal;
      case 1 -> normal * 0x1p-30f;
      case 2 -> Math.abs(normal) * 0.02f;
      case 3 -> Math.round(normal * 4) / 4f; // ties, and zeros of both signs
      case 4 -> random.nextInt(40) == 0 ? normal * 1000 : normal;
      case 5 -> -1.5f;
      default -> random.nextInt(3) == 0 ? -0f : 0f;
    };
  }
}
