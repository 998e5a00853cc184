package org.modelopt.formats;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.AtomicLong;
import org.modelopt.compute.Scope;
import org.modelopt.compute.Workers;
import org.modelopt.error.CheckpointException;
import org.modelopt.numeric.Arithmetic;
import org.modelopt.numeric.Conversion;
import org.modelopt.numeric.FloatFormat;
import org.modelopt.numeric.NonFinite;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.QuantizedTensor;
import org.modelopt.numeric.Quantizer;
import org.modelopt.numeric.Scales;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** FP8 per tensor on tensors in host memory. */
final class HostQuantizer implements Quantizer {
  /** Elements per piece of parallel work. */
  private static final long CHUNK = 1 << 15;

  private final QuantSpec spec;
  private final Conversion conversion;
  private final Workers workers;

  HostQuantizer(QuantSpec spec, Conversion conversion, Workers workers) {
    this.spec = spec;
    this.conversion = conversion;
    this.workers = workers;
  }

  @Override
  public QuantSpec spec() {
    return spec;
  }

  @Override
  public Conversion conversion() {
    return conversion;
  }

  @Override
  public Quantizer with(Conversion newConversion) {
    return new HostQuantizer(spec, newConversion, workers);
  }

  @Override
  public Scales scales(Tensor tensor, Arena arena) {
    checkElements(tensor);
    // Bits of magnitudes order as the magnitudes do.
    AtomicLong amaxBits = new AtomicLong();
    workers.forRange(
        tensor.shape().elements(),
        CHUNK,
        (from, to) -> {
          float amax = 0;
          for (long i = from; i < to; i++) {
            float magnitude = Math.abs(read(tensor, i));
            if (magnitude < Float.POSITIVE_INFINITY) {
              amax = Math.max(amax, magnitude);
            }
          }
          amaxBits.accumulateAndGet(Float.floatToRawIntBits(amax), Math::max);
        });
    return Scales.of(scalar(arena, scaleOf(Float.intBitsToFloat((int) amaxBits.get()))));
  }

  @Override
  public Scales scalesOfAmax(Tensor amax, Arena arena) {
    if (amax.dtype() != DType.F32 || amax.shape().elements() != 1) {
      throw new IllegalArgumentException("expected one F32 amax but found " + amax);
    }
    float value = amax.getFloat(0);
    if (!(value >= 0 && value < Float.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("amax must be finite and not negative but is " + value);
    }
    return Scales.of(scalar(arena, scaleOf(value)));
  }

  private float scaleOf(float amax) {
    float max = spec.format().maxFinite();
    float scale = conversion.arithmetic() == Arithmetic.TORCH_CUDA ? amax * (1f / max) : amax / max;
    return scale == 0 ? 1f : scale;
  }

  private static Tensor scalar(Arena arena, float value) {
    return Tensor.ofFloats(arena, Shape.scalar(), value);
  }

  @Override
  public QuantizedTensor quantize(Tensor tensor, Scales scales, Arena arena) {
    checkElements(tensor);
    Tensor codes = Tensor.allocate(arena, DType.F8_E4M3, tensor.shape());
    MemorySegment out = codes.segment();
    float scale = scaleIn(scales);
    workers.forRange(
        tensor.shape().elements(),
        CHUNK,
        (from, to) -> {
          for (long i = from; i < to; i++) {
            out.set(ValueLayout.JAVA_BYTE, i, (byte) code(tensor, i, scale));
          }
        });
    return new QuantizedTensor(spec, tensor.shape(), codes, scales);
  }

  @Override
  public void dequantize(QuantizedTensor quantized, Tensor into) {
    if (!quantized.spec().equals(spec) || !quantized.shape().equals(into.shape())) {
      throw new IllegalArgumentException(
          "cannot dequantize %s %s by a quantizer of %s into %s"
              .formatted(quantized.spec(), quantized.shape(), spec, into));
    }
    MemorySegment codes = quantized.codes().segment();
    float scale = scaleIn(quantized.scales());
    workers.forRange(
        into.shape().elements(),
        CHUNK,
        (from, to) -> {
          for (long i = from; i < to; i++) {
            write(into, i, value(codes.get(ValueLayout.JAVA_BYTE, i), scale));
          }
        });
  }

  @Override
  public Tensor fakeQuantize(Tensor tensor, Scales scales, Scope scope) {
    checkElements(tensor);
    Tensor result = scope.allocate(tensor.dtype(), tensor.shape());
    float scale = scaleIn(scales);
    workers.forRange(
        tensor.shape().elements(),
        CHUNK,
        (from, to) -> {
          for (long i = from; i < to; i++) {
            write(result, i, value(code(tensor, i, scale), scale));
          }
        });
    return result;
  }

  private static float scaleIn(Scales scales) {
    float scale = scales.values().getFloat(0);
    if (!(scale > 0 && scale < Float.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("a scale must be positive and finite but is " + scale);
    }
    return scale;
  }

  private int code(Tensor tensor, long index, float scale) {
    float x = read(tensor, index);
    float quotient =
        switch (conversion.arithmetic()) {
          case FLOAT32 -> x / scale;
          case TORCH_CPU -> roundTo(tensor.dtype(), x / scale);
          case TORCH_CUDA -> roundTo(tensor.dtype(), x / roundTo(tensor.dtype(), scale));
        };
    return FloatCodec.encode((FloatFormat) spec.format(), quotient);
  }

  private float value(int code, float scale) {
    return FloatCodec.decode((FloatFormat) spec.format(), code) * scale;
  }

  private float read(Tensor tensor, long index) {
    float x = tensor.getFloat(index);
    if (conversion.nonFinite() == NonFinite.ERROR && !Float.isFinite(x)) {
      throw new CheckpointException(
          "element %,d of a %s is %s; check the file or the layer that made it"
              .formatted(index, tensor, x));
    }
    return x;
  }

  private static void write(Tensor tensor, long index, float value) {
    MemorySegment bytes = tensor.segment();
    switch (tensor.dtype()) {
      case F32 -> bytes.set(Tensor.FLOAT, index << 2, value);
      case BF16 ->
          bytes.set(
              Tensor.SHORT,
              index << 1,
              (short) (Float.floatToRawIntBits(roundTo(DType.BF16, value)) >>> 16));
      case F16 -> bytes.set(Tensor.SHORT, index << 1, Float.floatToFloat16(value));
      default -> throw new IllegalArgumentException("cannot write floats into " + tensor);
    }
  }

  private static float roundTo(DType dtype, float value) {
    return switch (dtype) {
      case BF16 -> {
        int bits = Float.floatToRawIntBits(value);
        int rounded = (bits + 0x7FFF + (bits >>> 16 & 1)) & 0xFFFF0000;
        yield Float.isNaN(value) ? Float.NaN : Float.intBitsToFloat(rounded);
      }
      case F16 -> Float.float16ToFloat(Float.floatToFloat16(value));
      default -> value;
    };
  }

  private static void checkElements(Tensor tensor) {
    if (!tensor.dtype().isWideFloat()) {
      throw new IllegalArgumentException("expected F32, BF16 or F16 elements but found " + tensor);
    }
  }
}
