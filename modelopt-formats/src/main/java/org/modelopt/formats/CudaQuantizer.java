package org.modelopt.formats;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import org.modelopt.compute.Scope;
import org.modelopt.compute.cuda.CudaBackend;
import org.modelopt.numeric.Conversion;
import org.modelopt.numeric.Granularity;
import org.modelopt.numeric.Matrix;
import org.modelopt.numeric.NonFinite;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.QuantizedTensor;
import org.modelopt.numeric.Quantizer;
import org.modelopt.numeric.Scales;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * A spec on a GPU. Matrices in host memory go to the device in pieces of rows, their codes and
 * scales come back. What has no elements to look at is left to the host.
 */
final class CudaQuantizer implements Quantizer {
  /** Elements of a piece: enough to keep the device busy, little beside its memory. */
  private static final long PIECE = 1 << 26;

  private static final int PARTS = 1024; // of sums

  private final CudaBackend backend;
  private final HostQuantizer host;
  private final CudaCodec codec;

  CudaQuantizer(CudaBackend backend, HostQuantizer host) {
    this.backend = backend;
    this.host = host;
    this.codec = new CudaCodec(backend, host.spec(), host.conversion());
  }

  @Override
  public QuantSpec spec() {
    return host.spec();
  }

  @Override
  public Conversion conversion() {
    return host.conversion();
  }

  @Override
  public Quantizer with(Conversion conversion) {
    return new CudaQuantizer(backend, (HostQuantizer) host.with(conversion));
  }

  /** Work on rows of a matrix that are on the device. */
  private interface Piece {
    void run(Tensor x, long from, long to, Tensor strange, Scope scope);
  }

  /** Runs {@code piece} over all rows; stops at elements that are to be refused. */
  private void forPieces(Matrix x, Piece piece) {
    long step = Math.max(1, PIECE / Math.max(1, x.columns()));
    if (spec().granularity() instanceof Granularity.Block2d(int rows, _)) {
      step = Math.ceilDiv(step, (long) rows) * rows;
    }
    for (long from = 0; from < x.rows(); from += step) {
      long to = Math.min(x.rows(), from + step);
      Matrix rows = x.rows(from, to);
      try (Scope scope = backend.openScope();
          Arena arena = Arena.ofShared()) {
        Tensor strange = noneStrange(scope);
        Tensor device = onDevice(rows, arena, scope);
        piece.run(device, from, to, strange, scope);
        refuseStrange(strange, rows, scope);
      }
    }
  }

  private Tensor onDevice(Matrix x, Arena arena, Scope scope) {
    Optional<Tensor> there =
        x.isContiguous()
            ? backend.representative(
                x.segment().asSlice(x.offset(), x.dtype().byteSize(x.elements())),
                x.dtype(),
                x.shape())
            : Optional.empty();
    return there.orElseGet(() -> backend.toDevice(contiguous(x, arena), x.dtype(), scope));
  }

  private static Tensor contiguous(Matrix x, Arena arena) {
    long rowBytes = x.dtype().byteSize(x.columns());
    if (x.isContiguous()) {
      MemorySegment all = x.segment().asSlice(x.offset(), x.rows() * rowBytes);
      return Tensor.of(x.dtype(), x.shape(), all);
    }
    Tensor copy = Tensor.allocate(arena, x.dtype(), x.shape());
    for (long row = 0; row < x.rows(); row++) {
      MemorySegment.copy(
          x.segment(), x.byteOffset(row, 0), copy.segment(), row * rowBytes, rowBytes);
    }
    return copy;
  }

  private Tensor noneStrange(Scope scope) {
    Tensor strange = scope.allocate(DType.I32, Shape.of(1));
    backend.clear(strange);
    return strange;
  }

  private void refuseStrange(Tensor strange, Matrix x, Scope scope) {
    if (conversion().nonFinite() == NonFinite.ERROR
        && backend.toHost(strange, scope).toInts()[0] != 0) {
      Checks.refuseNonFinite(conversion(), x);
    }
  }

  @Override
  public void amax(Matrix x, Tensor into) {
    long expected = spec().granularity().scaleShape(x.shape()).elements();
    if (into.dtype() != DType.F32 || into.shape().elements() != expected) {
      throw new IllegalArgumentException(
          "expected room for %d F32 maxima of %s but found %s".formatted(expected, x, into));
    }
    if (spec().granularity() instanceof Granularity.PerTensor) {
      into.segment().set(Tensor.FLOAT, 0, amaxOfAll(x));
      return;
    }
    into.segment().fill((byte) 0);
    forPieces(
        x,
        (piece, from, to, strange, scope) -> {
          Scales room = rows(Scales.of(into), from, to);
          Tensor amax = scope.allocate(DType.F32, room.values().shape());
          backend.clear(amax);
          codec.amax(piece, amax, strange);
          backend.download(amax, room.values().segment());
        });
  }

  private float amaxOfAll(Matrix x) {
    float[] largest = new float[1];
    forPieces(
        x,
        (piece, from, to, strange, scope) -> {
          Tensor amax = scope.allocate(DType.F32, Shape.of(1));
          backend.clear(amax);
          codec.amaxOfAll(piece, amax, strange);
          largest[0] = Math.max(largest[0], backend.toHost(amax, scope).getFloat(0));
        });
    return largest[0];
  }

  private Scales rows(Scales scales, long from, long to) {
    return scales.rows(spec().granularity(), from, to);
  }

  @Override
  public float globalScale(float tensorAmax) {
    return host.globalScale(tensorAmax);
  }

  @Override
  public void scales(Matrix x, Scales into) {
    Checks.scales(spec(), x, into);
    if (x.elements() == 0 || wholeOnly()) {
      wholeScales(x, into);
      return;
    }
    forPieces(
        x,
        (piece, from, to, strange, scope) -> {
          Scales room = rows(into, from, to);
          Scales device = deviceRoom(room, scope);
          codec.scales(piece, device, strange, scope);
          comeBack(device, room);
        });
  }

  /** Whether a scale belongs to elements of all pieces. */
  private boolean wholeOnly() {
    return spec().granularity() instanceof Granularity.PerTensor;
  }

  private void wholeScales(Matrix x, Scales into) {
    if (spec().scaleRule().dependsOnAmaxOnly()) {
      float amax = x.elements() == 0 ? 0 : amaxOfAll(x);
      try (Arena arena = Arena.ofConfined()) {
        Tensor maxima = Tensor.allocate(arena, DType.F32, into.values().shape());
        for (long i = 0; i < maxima.shape().elements(); i++) {
          maxima.segment().setAtIndex(Tensor.FLOAT, i, amax);
        }
        host.scalesOfAmax(maxima, into);
      }
    } else {
      host.scales(x, into);
    }
  }

  private static Scales deviceRoom(Scales room, Scope scope) {
    return new Scales(
        scope.allocate(room.values().dtype(), room.values().shape()),
        room.globalScale(),
        room.zeroPoints().map(points -> scope.allocate(points.dtype(), points.shape())));
  }

  private void comeBack(Scales device, Scales room) {
    backend.download(device.values(), room.values().segment());
    device
        .zeroPoints()
        .ifPresent(points -> backend.download(points, room.zeroPoints().orElseThrow().segment()));
  }

  private Scales onDevice(Scales scales, Scope scope) {
    return new Scales(
        backend.toDevice(scales.values(), scales.values().dtype(), scope),
        scales.globalScale(),
        scales.zeroPoints().map(points -> backend.toDevice(points, points.dtype(), scope)));
  }

  @Override
  public Scales scales(Tensor tensor, Arena arena) {
    boolean global = spec().scaleFormat().hasGlobalScale();
    return scales(tensor, globalScale(global ? amaxOfAll(Matrix.of(tensor)) : 0), arena);
  }

  @Override
  public void scalesOfAmax(Tensor amax, Scales into) {
    host.scalesOfAmax(amax, into);
  }

  @Override
  public Scales scalesOfAmax(Tensor amax, Arena arena) {
    return host.scalesOfAmax(amax, arena);
  }

  @Override
  public void quantize(Matrix x, Scales scales, Tensor codes) {
    checkScales(x, scales);
    Checks.codes(spec(), x.shape(), codes);
    forPieces(
        x,
        (piece, from, to, strange, scope) -> {
          Tensor device = scope.allocate(codes.dtype(), spec().codesShape(piece.shape()));
          codec.encode(piece, onDevice(rows(scales, from, to), scope), device, strange);
          backend.download(device, codesOfRows(codes, x, from, to));
        });
  }

  /** Shape and values of given scales, as the host checks them. */
  private void checkScales(Matrix x, Scales scales) {
    Checks.scales(spec(), x, scales);
    host.checkValues(scales);
  }

  private MemorySegment codesOfRows(Tensor codes, Matrix x, long from, long to) {
    long rowBytes = Math.ceilDiv(x.columns() * spec().format().bits(), 8L);
    return codes.segment().asSlice(from * rowBytes, (to - from) * rowBytes);
  }

  @Override
  public void quantize(Matrix x, QuantizedTensor into) {
    Checks.spec(spec(), into.spec());
    Scales scales = into.scales();
    Checks.scales(spec(), x, scales);
    Checks.codes(spec(), x.shape(), into.codes());
    if (!codec.isOnePass(x.shape())) {
      scales(x, scales);
      quantize(x, scales, into.codes());
      return;
    }
    forPieces(
        x,
        (piece, from, to, strange, scope) -> {
          Scales room = rows(scales, from, to);
          Scales device = deviceRoom(room, scope);
          Tensor codes = scope.allocate(into.codes().dtype(), spec().codesShape(piece.shape()));
          codec.encodeWithScales(piece, device, codes, strange);
          comeBack(device, room);
          backend.download(codes, codesOfRows(into.codes(), x, from, to));
        });
  }

  @Override
  public RoundTrip roundTrip(Matrix x, Scales scales, float slack) {
    Checks.scales(spec(), x, scales);
    if (x.elements() == 0) {
      return new RoundTrip(0, 0, 0);
    }
    boolean counts = !wholeOnly() && scales.zeroPoints().isEmpty();
    double[] sums = new double[3];
    forPieces(
        x,
        (piece, from, to, strange, scope) -> {
          Scales device = onDevice(rows(scales, from, to), scope);
          Tensor codes = scope.allocate(spec().codesDType(), spec().codesShape(piece.shape()));
          Tensor values = scope.allocate(DType.F32, piece.shape());
          Tensor parts = scope.allocate(DType.I32, Shape.of(PARTS, 6));
          codec.encode(piece, device, codes, strange);
          codec.decode(codes, device, values);
          codec.roundTrip(piece, values, device, slack, counts, parts);
          double[] all = backend.toHost(parts, scope).segment().toArray(ValueLayout.JAVA_DOUBLE);
          for (int i = 0; i < all.length; i++) {
            sums[i % 3] += all[i];
          }
        });
    return new RoundTrip(sums[0], sums[1], (long) sums[2]);
  }

  @Override
  public void dequantize(QuantizedTensor quantized, Tensor into) {
    Checks.spec(spec(), quantized.spec());
    if (!quantized.shape().equals(into.shape())) {
      throw new IllegalArgumentException(
          "cannot dequantize codes of %s into %s".formatted(quantized.shape(), into));
    }
    Matrix matrix = Matrix.of(into);
    checkScales(matrix, quantized.scales());
    Checks.codes(spec(), into.shape(), quantized.codes());
    long step = Math.max(1, PIECE / Math.max(1, matrix.columns()));
    if (spec().granularity() instanceof Granularity.Block2d(int rows, _)) {
      step = Math.ceilDiv(step, (long) rows) * rows;
    }
    for (long from = 0; from < matrix.rows() && matrix.columns() > 0; from += step) {
      long to = Math.min(matrix.rows(), from + step);
      try (Scope scope = backend.openScope()) {
        Shape shape = Shape.of(to - from, matrix.columns());
        Tensor codes =
            Tensor.of(
                quantized.codes().dtype(),
                spec().codesShape(shape),
                codesOfRows(quantized.codes(), matrix, from, to));
        Tensor values = scope.allocate(into.dtype(), shape);
        codec.decode(
            backend.toDevice(codes, codes.dtype(), scope),
            onDevice(rows(quantized.scales(), from, to), scope),
            values);
        long rowBytes = into.dtype().byteSize(matrix.columns());
        backend.download(values, into.segment().asSlice(from * rowBytes, (to - from) * rowBytes));
      }
    }
  }

  @Override
  public Tensor fakeQuantize(Tensor tensor, Scales scales, Scope scope) {
    Tensor result = scope.allocate(tensor.dtype(), tensor.shape());
    if (tensor.shape().elements() == 0) {
      return result;
    }
    try (Scope temporary = backend.openScope()) {
      Tensor strange = noneStrange(temporary);
      if (!spec().dynamic()) {
        checkShape(tensor, scales);
        host.checkValues(scales);
        codec.round(tensor, onDevice(scales, temporary), result, strange);
      } else if (codec.isOnePass(tensor.shape())) {
        Checks.globalScale(spec(), scales.globalScale());
        codec.roundUnderOwnScales(tensor, scales.globalScale(), result, strange);
      } else {
        Checks.globalScale(spec(), scales.globalScale());
        Shape shape = spec().granularity().scaleShape(tensor.shape());
        Optional<Tensor> points =
            spec().scaleRule().hasZeroPoints()
                ? Optional.of(temporary.allocate(DType.I32, shape))
                : Optional.empty();
        Scales own =
            new Scales(
                temporary.allocate(spec().scaleFormat().dtype(), shape),
                scales.globalScale(),
                points);
        codec.scales(tensor, own, strange, temporary);
        codec.round(tensor, own, result, strange);
      }
      if (conversion().nonFinite() == NonFinite.ERROR
          && backend.toHost(strange, temporary).toInts()[0] != 0) {
        Checks.refuseNonFinite(conversion(), Matrix.of(backend.toHost(tensor, temporary)));
      }
    }
    return result;
  }

  /** The checks of {@link Checks#scales} need a matrix on the host; only its sizes count. */
  private void checkShape(Tensor tensor, Scales scales) {
    long expected = spec().granularity().scaleShape(tensor.shape()).elements();
    if (scales.values().shape().elements() != expected
        || scales.values().dtype() != spec().scaleFormat().dtype()
        || spec().scaleRule().hasZeroPoints() != scales.zeroPoints().isPresent()) {
      throw new IllegalArgumentException(
          "expected %d scales of %s for %s but found %s"
              .formatted(expected, spec().scaleFormat().dtype(), tensor, scales.values()));
    }
    Checks.globalScale(spec(), scales.globalScale());
  }
}
