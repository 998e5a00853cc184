package org.modelopt.formats;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.modelopt.formats.codec.Bits;
import org.modelopt.formats.internal.Encoding;
import org.modelopt.formats.internal.Kernels;
import org.modelopt.formats.internal.ScalarKernels;
import org.modelopt.formats.internal.Strip;
import org.modelopt.numeric.Arithmetic;
import org.modelopt.numeric.CodebookFormat;
import org.modelopt.numeric.Conversion;
import org.modelopt.numeric.Granularity;
import org.modelopt.numeric.Matrix;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.Rounding;
import org.modelopt.numeric.Scales;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Tensor;

/** Codes from elements and elements from codes, one strip after the other. */
final class CodePass {
  private static final Kernels SCALAR = new ScalarKernels();

  private final QuantSpec spec;
  private final Conversion conversion;
  private final Kernels kernels;
  private final Encoding encoding;
  private final int bits;

  /** Whether the kernels' own rounding of float32 quotients is what the conversion asks for. */
  private final boolean plain;

  CodePass(QuantSpec spec, Conversion conversion, Kernels kernels) {
    this.spec = spec;
    this.conversion = conversion;
    this.kernels = kernels;
    this.encoding = Encoding.of(spec, conversion.arithmetic());
    this.bits = spec.format().bits();
    this.plain =
        conversion.rounding() instanceof Rounding.NearestEven
            && (conversion.arithmetic() == Arithmetic.FLOAT32
                || !(spec.granularity() instanceof Granularity.PerTensor));
  }

  /** Codes of part of a row under given scales. */
  void encodePart(
      Grid grid, Strip strip, long row, long from, long to, Scales scales, Tensor codes) {
    if (readOneDivisor(grid, strip, row, from, to, scales)
        && encodeDirectly(grid, strip, row, from, (int) (to - from), to, codes.segment())) {
      return;
    }
    for (long column = from; column < to; column += Strip.CAPACITY) {
      grid.place(strip, column, (int) Math.min(Strip.CAPACITY, to - column));
      readDivisors(strip, scales, grid.group(row, column));
      encodeStrip(grid, strip, row, column, to, codes.segment());
    }
  }

  /** Codes of a strip of a part whose scales are in {@code strip.scale}. */
  void encodeStripUnderOwnScales(
      Grid grid, Strip strip, long row, long column, long to, float globalScale, Tensor codes) {
    kernels.divisors(strip, globalScale, encoding.stepsPerScale());
    encodeStrip(grid, strip, row, column, to, codes.segment());
  }

  private boolean encodeDirectly(
      Grid grid, Strip strip, long row, long column, int n, long to, MemorySegment out) {
    Matrix x = grid.x();
    long at = x.byteOffset(row, column);
    long outAt = codeOffset(grid, row, column);
    int behind = (int) Math.min(to - column - n, Strip.CAPACITY);
    return plain
        && kernels.encode(encoding, strip, n, behind, x.dtype(), x.segment(), at, out, outAt);
  }

  private void encodeStrip(
      Grid grid, Strip strip, long row, long column, long to, MemorySegment out) {
    Matrix x = grid.x();
    long at = x.byteOffset(row, column);
    long outAt = codeOffset(grid, row, column);
    if (encodeDirectly(grid, strip, row, column, strip.n(), to, out)) {
      return;
    }
    float amax = kernels.load(strip, x.dtype(), x.segment(), at);
    boolean finite = amax <= Float.MAX_VALUE;
    if (!finite) {
      Checks.refuseNonFinite(conversion, grid.original());
    }
    encode(finite ? kernels : SCALAR, strip, x.dtype(), row * x.columns() + column);
    kernels.pack(strip, bits, out, outAt);
  }

  private long codeOffset(Grid grid, long row, long column) {
    return row * Math.ceilDiv(grid.x().columns() * bits, 8L) + column * bits / 8;
  }

  private void encode(Kernels rung, Strip strip, DType dtype, long index) {
    if (spec.granularity() instanceof Granularity.PerTensor
        && conversion.arithmetic() != Arithmetic.FLOAT32
        && dtype != DType.F32) {
      if (conversion.arithmetic() == Arithmetic.TORCH_CUDA) {
        strip.divisor[0] = notZero(roundTo(dtype, strip.divisor[0]));
      }
      rung.divide(strip, dtype);
      strip.divisor[0] = 1;
    }
    switch (conversion.rounding()) {
      case Rounding.NearestEven() -> rung.encode(encoding, strip);
      case Rounding.Stochastic(long seed) ->
          ScalarKernels.encodeStochastic(encoding, strip, seed, index);
    }
  }

  private static float roundTo(DType dtype, float value) {
    return dtype == DType.BF16 ? Bits.roundToBf16(value) : Bits.roundToF16(value);
  }

  /** Values of codes of part of a row, in the type of {@code grid}'s matrix. */
  void decodePart(
      Grid grid, Strip strip, long row, long from, long to, Scales scales, Tensor codes) {
    if (readOneDivisor(grid, strip, row, from, to, scales)
        && decodeDirectly(grid, strip, row, from, (int) (to - from), codes.segment())) {
      return;
    }
    for (long column = from; column < to; column += Strip.CAPACITY) {
      grid.place(strip, column, (int) Math.min(Strip.CAPACITY, to - column));
      readDivisors(strip, scales, grid.group(row, column));
      if (!decodeDirectly(grid, strip, row, column, strip.n(), codes.segment())) {
        Matrix into = grid.x();
        kernels.unpack(strip, bits, codes.segment(), codeOffset(grid, row, column));
        kernels.decode(encoding, strip);
        kernels.store(strip, into.dtype(), into.segment(), into.byteOffset(row, column));
      }
    }
  }

  private boolean decodeDirectly(
      Grid grid, Strip strip, long row, long column, int n, MemorySegment in) {
    Matrix into = grid.x();
    long inAt = codeOffset(grid, row, column);
    long outAt = into.byteOffset(row, column);
    return kernels.decode(encoding, strip, n, in, inAt, into.dtype(), into.segment(), outAt);
  }

  /** What encoding and decoding makes of part of a row, under given scales. */
  void roundPart(Grid grid, Strip strip, long row, long from, long to, Scales scales, Matrix into) {
    for (long column = from; column < to; column += Strip.CAPACITY) {
      grid.place(strip, column, (int) Math.min(Strip.CAPACITY, to - column));
      readDivisors(strip, scales, grid.group(row, column));
      roundStrip(grid, strip, row, column, into);
    }
  }

  /** Like {@link #roundPart} for a strip whose scales are in {@code strip.scale}. */
  void roundStripUnderOwnScales(
      Grid grid, Strip strip, long row, long column, float globalScale, Matrix into) {
    kernels.divisors(strip, globalScale, encoding.stepsPerScale());
    roundStrip(grid, strip, row, column, into);
  }

  /**
   * What encoding and decoding part of a row does, added to {@code sums} as {@link
   * Kernels#differences} does it.
   *
   * @param reach elements beyond it, in steps of the format, are counted
   */
  void measurePart(
      Grid grid,
      Strip strip,
      long row,
      long from,
      long to,
      Scales scales,
      float reach,
      double[] sums) {
    for (long column = from; column < to; column += Strip.CAPACITY) {
      grid.place(strip, column, (int) Math.min(Strip.CAPACITY, to - column));
      readDivisors(strip, scales, grid.group(row, column));
      roundStrip(grid, strip, row, column);
      Matrix x = grid.x();
      System.arraycopy(strip.x, 0, strip.y, 0, strip.n());
      kernels.load(strip, x.dtype(), x.segment(), x.byteOffset(row, column));
      kernels.differences(strip, reach / encoding.stepsPerScale(), sums);
    }
  }

  private void roundStrip(Grid grid, Strip strip, long row, long column, Matrix into) {
    roundStrip(grid, strip, row, column);
    kernels.store(strip, into.dtype(), into.segment(), into.byteOffset(row, column));
  }

  /** Leaves what encoding and decoding makes of the elements in {@code strip.x}. */
  private void roundStrip(Grid grid, Strip strip, long row, long column) {
    Matrix x = grid.x();
    float amax = kernels.load(strip, x.dtype(), x.segment(), x.byteOffset(row, column));
    boolean finite = amax <= Float.MAX_VALUE;
    if (!finite) {
      Checks.refuseNonFinite(conversion, grid.original());
    }
    if (finite && plain && !(spec.format() instanceof CodebookFormat)) {
      kernels.round(encoding, strip);
    } else {
      float divisor = strip.divisor[0];
      encode(finite ? kernels : SCALAR, strip, x.dtype(), row * x.columns() + column);
      strip.divisor[0] = divisor;
      SCALAR.decode(encoding, strip);
    }
  }

  /** Whether a part is longer than a strip and has only one divisor, which is read then. */
  private boolean readOneDivisor(
      Grid grid, Strip strip, long row, long from, long to, Scales scales) {
    if (to - from <= Strip.CAPACITY || grid.group(row, from) != grid.group(row, to - 1)) {
      return false;
    }
    strip.reset(1, 1);
    readDivisors(strip, scales, grid.group(row, from));
    return true;
  }

  private void readDivisors(Strip strip, Scales scales, long firstGroup) {
    kernels.loadScales(strip, spec.scaleFormat(), scales.values().segment(), firstGroup);
    if (!kernels.divisors(strip, scales.globalScale(), encoding.stepsPerScale())) {
      for (int g = 0; g < strip.groups(); g++) {
        Checks.scale(spec, strip.scale[g], firstGroup + g);
      }
    }
    Optional<Tensor> zeroPoints = scales.zeroPoints();
    if (zeroPoints.isPresent()) {
      MemorySegment points = zeroPoints.get().segment();
      for (int g = 0; g < strip.groups(); g++) {
        int zeroPoint = points.get(Tensor.INT, (firstGroup + g) * Integer.BYTES);
        strip.zeroPoint[g] = Checks.zeroPoint(spec, zeroPoint, firstGroup + g);
      }
    }
  }

  /** Products that are too small for a float count as the smallest one. */
  private static float notZero(float divisor) {
    return divisor == 0 ? Float.MIN_VALUE : divisor;
  }
}
