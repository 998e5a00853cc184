package org.modelopt.formats.internal;

import static org.modelopt.formats.internal.VectorShapes.FLOATS;
import static org.modelopt.formats.internal.VectorShapes.LANES;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import org.modelopt.formats.codec.Bits;
import org.modelopt.numeric.Arithmetic;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.ScaleFormat;
import org.modelopt.numeric.ScaleRule;
import org.modelopt.tensor.DType;

/** The inner loops with the Vector API. */
public final class VectorKernels implements Kernels {
  private static final ScalarKernels SCALAR = new ScalarKernels();

  @Override
  public String description() {
    return "Vector API, %d bits".formatted(FLOATS.vectorBitSize());
  }

  @Override
  public float amax(DType dtype, MemorySegment segment, long offset, long n) {
    return VectorAmax.amax(dtype, segment, offset, n);
  }

  @Override
  public float amaxOfGroups(Strip strip, DType dtype, MemorySegment segment, long offset) {
    return VectorAmax.amaxOfGroups(strip, dtype, segment, offset);
  }

  @Override
  public void scales(Strip strip, QuantSpec spec, Arithmetic arithmetic, float globalScale) {
    float max = spec.format().maxFinite();
    if (spec.scaleFormat().hasGlobalScale() && spec.scaleRule() == ScaleRule.AMAX_OVER_MAX) {
      VectorScales.underGlobalScale(strip, max, globalScale);
    } else if (spec.scaleRule() == ScaleRule.POWER_ROUND_UP
        && spec.scaleFormat() == ScaleFormat.E8M0) {
      VectorScales.roundedUpPowers(strip, max);
    } else {
      SCALAR.scales(strip, spec, arithmetic, globalScale);
    }
  }

  @Override
  public void fourOverSix(
      Strip strip, float globalScale, DType dtype, MemorySegment segment, long offset) {
    if (dtype == DType.BF16) {
      VectorFourOverSix.choose(strip, globalScale, segment, offset);
    } else {
      SCALAR.fourOverSix(strip, globalScale, dtype, segment, offset);
    }
  }

  @Override
  public void storeScales(Strip strip, ScaleFormat format, MemorySegment out, long first) {
    VectorScales.store(strip, format, out, first);
  }

  @Override
  public void loadScales(Strip strip, ScaleFormat format, MemorySegment in, long first) {
    VectorScales.load(strip, format, in, first);
  }

  @Override
  public boolean divisors(Strip strip, float globalScale, float steps) {
    return VectorScales.divisors(strip, globalScale, steps);
  }

  @Override
  public float load(Strip strip, DType dtype, MemorySegment segment, long offset) {
    return VectorMemory.load(strip, dtype, segment, offset);
  }

  @Override
  public void store(Strip strip, DType dtype, MemorySegment segment, long offset) {
    VectorMemory.store(strip, dtype, segment, offset);
  }

  @Override
  public void divide(Strip strip, DType dtype) {
    if (dtype != DType.BF16) {
      SCALAR.divide(strip, dtype);
      return;
    }
    float divisor = strip.divisor[0];
    int i = 0;
    for (; i <= strip.n() - LANES; i += LANES) {
      FloatVector quotient = FloatVector.fromArray(FLOATS, strip.x, i).div(divisor);
      VectorFloats.toBf16(quotient).reinterpretAsFloats().intoArray(strip.x, i);
    }
    for (; i < strip.n(); i++) {
      strip.x[i] = Bits.roundToBf16(strip.x[i] / divisor);
    }
  }

  @Override
  public void encode(Encoding encoding, Strip strip) {
    VectorEncode.encode(encoding, strip);
  }

  @Override
  public boolean encode(
      Encoding encoding,
      Strip strip,
      int n,
      int behind,
      DType dtype,
      MemorySegment in,
      long inAt,
      MemorySegment out,
      long outAt) {
    if (dtype != DType.BF16 || !JoinedEncode.suits(encoding, strip)) {
      return false;
    }
    if (!strip.amaxKnown && strip.groups() > 1) {
      float largest = VectorAmax.amaxOfGroups(strip, dtype, in, inAt);
      strip.amaxKnown = largest <= Float.MAX_VALUE;
    }
    int done = JoinedEncode.encode(encoding, strip, n, behind, in, inAt, out, outAt);
    return done >= 0
        && ScalarKernels.encodePart(encoding, strip, done, n, dtype, in, inAt, out, outAt);
  }

  @Override
  public void decode(Encoding encoding, Strip strip) {
    VectorDecode.decode(encoding, strip);
  }

  @Override
  public boolean decode(
      Encoding encoding,
      Strip strip,
      int n,
      MemorySegment in,
      long inAt,
      DType dtype,
      MemorySegment out,
      long outAt) {
    return dtype == DType.BF16
        && n % VectorPairs.STEP == 0
        && JoinedDecode.suits(encoding, strip)
        && JoinedDecode.decode(encoding, strip, n, in, inAt, out, outAt);
  }

  @Override
  public void round(Encoding encoding, Strip strip) {
    VectorDecode.round(encoding, strip);
  }

  @Override
  public void differences(Strip strip, float reach, double[] sums) {
    VectorSums.differences(strip, reach, sums);
  }

  @Override
  public void pack(Strip strip, int bits, MemorySegment out, long offset) {
    VectorMemory.pack(strip, bits, out, offset);
  }

  @Override
  public void unpack(Strip strip, int bits, MemorySegment in, long offset) {
    VectorMemory.unpack(strip, bits, in, offset);
  }
}
