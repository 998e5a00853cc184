package org.modelopt.formats;

import java.lang.foreign.Arena;
import java.util.Optional;
import org.modelopt.compute.Scope;
import org.modelopt.compute.Workers;
import org.modelopt.formats.codec.ScaleRules;
import org.modelopt.formats.internal.Kernels;
import org.modelopt.formats.internal.Strip;
import org.modelopt.numeric.Conversion;
import org.modelopt.numeric.Granularity;
import org.modelopt.numeric.Matrix;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.QuantizedTensor;
import org.modelopt.numeric.Quantizer;
import org.modelopt.numeric.Scales;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Tensor;

/** Any spec on tensors in host memory. */
final class HostQuantizer implements Quantizer {
  private final QuantSpec spec;
  private final Conversion conversion;
  private final Workers workers;
  private final Kernels kernels;
  private final StripPool strips;
  private final Pieces pieces;
  private final ScalePass scalePass;
  private final CodePass codePass;

  HostQuantizer(QuantSpec spec, Conversion conversion, Workers workers, Kernels kernels) {
    this(spec, conversion, workers, kernels, new StripPool());
  }

  private HostQuantizer(
      QuantSpec spec, Conversion conversion, Workers workers, Kernels kernels, StripPool strips) {
    this.spec = spec;
    this.conversion = conversion;
    this.workers = workers;
    this.kernels = kernels;
    this.strips = strips;
    this.pieces = new Pieces(workers, strips);
    this.scalePass = new ScalePass(spec, conversion, kernels, pieces);
    this.codePass = new CodePass(spec, conversion, kernels);
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
    return new HostQuantizer(spec, newConversion, workers, kernels, strips);
  }

  @Override
  public void amax(Matrix x, Tensor into) {
    long expected = spec.granularity().scaleShape(x.shape()).elements();
    if (into.dtype() != DType.F32 || into.shape().elements() != expected) {
      throw new IllegalArgumentException(
          "expected room for %d F32 maxima of %s but found %s".formatted(expected, x, into));
    }
    scalePass.amax(x, into);
  }

  @Override
  public float globalScale(float tensorAmax) {
    Checks.amax(tensorAmax, 0);
    return ScaleRules.globalScale(spec, conversion.arithmetic(), tensorAmax);
  }

  @Override
  public void scales(Matrix x, Scales into) {
    Checks.scales(spec, x, into);
    scalePass.scales(x, into);
  }

  @Override
  public Scales scales(Tensor tensor, Arena arena) {
    boolean global = spec.scaleFormat().hasGlobalScale();
    float amax = global ? scalePass.amaxOfAll(Matrix.of(tensor)) : 0;
    return scales(tensor, globalScale(amax), arena);
  }

  @Override
  public void scalesOfAmax(Tensor amax, Scales into) {
    if (amax.dtype() != DType.F32
        || amax.shape().elements() != into.values().shape().elements()
        || into.values().dtype() != spec.scaleFormat().dtype()) {
      throw new IllegalArgumentException(
          "cannot make scales %s of %s from amax %s".formatted(into.values(), spec, amax));
    }
    Checks.globalScale(spec, into.globalScale());
    scalePass.scalesOfAmax(amax, into);
  }

  @Override
  public Scales scalesOfAmax(Tensor amax, Arena arena) {
    float largest = 0;
    if (spec.scaleFormat().hasGlobalScale()) {
      for (long i = 0; i < amax.shape().elements(); i++) {
        largest = Math.max(largest, amax.getFloat(i));
      }
    }
    Tensor values = Tensor.allocate(arena, spec.scaleFormat().dtype(), amax.shape());
    Scales scales = new Scales(values, globalScale(largest), Optional.empty());
    scalesOfAmax(amax, scales);
    return scales;
  }

  /** Refuses scales and zero points that are none. */
  void checkValues(Scales scales) {
    Strip strip = new Strip();
    Tensor values = scales.values();
    for (long first = 0; first < values.shape().elements(); first += Strip.CAPACITY) {
      strip.reset((int) Math.min(Strip.CAPACITY, values.shape().elements() - first), 1);
      kernels.loadScales(strip, spec.scaleFormat(), values.segment(), first);
      for (int g = 0; g < strip.groups(); g++) {
        Checks.scale(spec, strip.scale[g], first + g);
      }
    }
    scales
        .zeroPoints()
        .ifPresent(points -> {
          for (long i = 0; i < points.shape().elements(); i++) {
            Checks.zeroPoint(spec, points.segment().getAtIndex(Tensor.INT, i), i);
          }
        });
  }

  @Override
  public void quantize(Matrix x, Scales scales, Tensor codes) {
    Checks.scales(spec, x, scales);
    Checks.codes(spec, x.shape(), codes);
    encode(Grid.of(x, spec.granularity()).flattened(spec.format().bits()), scales, codes);
  }

  private void encode(Grid grid, Scales scales, Tensor codes) {
    pieces.forParts(
        grid.x().rows(),
        grid.x().columns(),
        Strip.CAPACITY,
        (strip, row, from, to) -> codePass.encodePart(grid, strip, row, from, to, scales, codes));
  }

  @Override
  public void quantize(Matrix x, QuantizedTensor into) {
    Checks.spec(spec, into.spec());
    Scales scales = into.scales();
    Tensor codes = into.codes();
    Checks.scales(spec, x, scales);
    Checks.codes(spec, x.shape(), codes);
    Grid grid = Grid.of(x, spec.granularity());
    int columns = stripColumns(grid);
    if (columns > 0) {
      pieces.forParts(
          x.rows(),
          x.columns(),
          columns,
          (strip, row, from, to) -> {
            for (long column = from; column < to; column += columns) {
              grid.place(strip, column, (int) Math.min(columns, to - column));
              scalePass.scalesOfStrip(grid, strip, row, column, scales.globalScale());
              scalePass.storeScales(strip, scales, grid.group(row, column));
              codePass.encodeStripUnderOwnScales(
                  grid, strip, row, column, to, scales.globalScale(), codes);
            }
          });
    } else if (grid.groupRows() == 1) {
      pieces.forEach(
          x.rows(),
          x.columns(),
          (strip, row) -> {
            scalePass.scalesOfRow(grid, strip, row, scales);
            codePass.encodePart(grid, strip, row, 0, x.columns(), scales, codes);
          });
    } else if (bandColumns(grid) > 0) {
      scalePass.forBands(
          grid,
          bandColumns(grid),
          (strip, top, left, right) -> {
            scalePass.scalesOfBand(grid, strip, top, left, right, scales);
            for (long row = top; row < Math.min(x.rows(), top + grid.groupRows()); row++) {
              codePass.encodePart(grid, strip, row, left, right, scales, codes);
            }
          });
    } else {
      scalePass.scales(x, scales);
      encode(grid.flattened(spec.format().bits()), scales, codes);
    }
  }

  /**
   * Columns of a strip that holds whole groups and whole bytes of codes, so that scales and codes
   * can be made strip by strip; 0 if there is none.
   */
  private int stripColumns(Grid grid) {
    return grid.groupsFitStrips() && scalePass.worksOnStrips() ? wholeStripColumns(grid) : 0;
  }

  /**
   * The same for rectangles as high as a group, which stay in the second-level cache between the
   * two passes; 0 for one group and for rules that need more than amax.
   */
  private int bandColumns(Grid grid) {
    boolean fits = grid.groups() > 1 && grid.groupColumns() * 8 <= Strip.CAPACITY;
    return fits && spec.scaleRule().dependsOnAmaxOnly() ? wholeStripColumns(grid) : 0;
  }

  private static int wholeStripColumns(Grid grid) {
    long multiple = grid.groupColumns();
    while ((multiple & 7) != 0) {
      multiple *= 2;
    }
    return (int) (Strip.CAPACITY / multiple * multiple);
  }

  @Override
  public void dequantize(QuantizedTensor quantized, Tensor into) {
    Checks.spec(spec, quantized.spec());
    if (!quantized.shape().equals(into.shape())) {
      throw new IllegalArgumentException(
          "cannot dequantize codes of %s into %s".formatted(quantized.shape(), into));
    }
    Matrix matrix = Matrix.of(into);
    Checks.scales(spec, matrix, quantized.scales());
    Checks.codes(spec, into.shape(), quantized.codes());
    Grid grid = Grid.of(matrix, spec.granularity()).flattened(spec.format().bits());
    pieces.forParts(
        grid.x().rows(),
        grid.x().columns(),
        Strip.CAPACITY,
        (strip, row, from, to) ->
            codePass.decodePart(grid, strip, row, from, to, quantized.scales(), quantized.codes()));
  }

  @Override
  public RoundTrip roundTrip(Matrix x, Scales scales, float slack) {
    Checks.scales(spec, x, scales);
    boolean counts =
        !(spec.granularity() instanceof Granularity.PerTensor) && scales.zeroPoints().isEmpty();
    float reach = counts ? spec.format().maxFinite() * slack : Float.POSITIVE_INFINITY;
    Grid grid = Grid.of(x, spec.granularity()).flattened(8);
    long rows = grid.x().rows();
    long columns = grid.x().columns();
    long perRow = Pieces.partsPerRow(columns, Strip.CAPACITY);
    // One for each part and added in their order, so that threads change nothing.
    double[][] parts = new double[Math.toIntExact(rows * perRow)][3];
    pieces.forParts(
        rows,
        columns,
        Strip.CAPACITY,
        (strip, row, from, to) -> {
          int part = Math.toIntExact(row * perRow + Pieces.partOf(from, Strip.CAPACITY));
          codePass.measurePart(grid, strip, row, from, to, scales, reach, parts[part]);
        });
    double[] sums = new double[3];
    for (double[] part : parts) {
      for (int i = 0; i < sums.length; i++) {
        sums[i] += part[i];
      }
    }
    return new RoundTrip(sums[0], sums[1], (long) sums[2]);
  }

  @Override
  public Tensor fakeQuantize(Tensor tensor, Scales scales, Scope scope) {
    Tensor result = scope.allocate(tensor.dtype(), tensor.shape());
    Matrix x = Matrix.of(tensor);
    Matrix into = Matrix.of(result);
    if (!spec.dynamic()) {
      Checks.scales(spec, x, scales);
      round(Grid.of(x, spec.granularity()), scales, into);
      return result;
    }
    Checks.globalScale(spec, scales.globalScale());
    Grid grid = Grid.of(x, spec.granularity());
    int columns = stripColumns(grid);
    if (columns > 0) {
      roundUnderOwnScales(grid, columns, scales.globalScale(), into);
      return result;
    }
    try (Arena arena = Arena.ofShared()) {
      round(grid, scales(tensor, scales.globalScale(), arena), into);
    }
    return result;
  }

  private void round(Grid grid, Scales scales, Matrix into) {
    // The rows of the result have no gaps, so offsets along one long row hold for it as well.
    Grid flat = grid.flattened(8);
    pieces.forParts(
        flat.x().rows(),
        flat.x().columns(),
        Strip.CAPACITY,
        (strip, row, from, to) -> codePass.roundPart(flat, strip, row, from, to, scales, into));
  }

  private void roundUnderOwnScales(Grid grid, int columns, float globalScale, Matrix into) {
    pieces.forParts(
        into.rows(),
        into.columns(),
        columns,
        (strip, row, from, to) -> {
          for (long column = from; column < to; column += columns) {
            grid.place(strip, column, (int) Math.min(columns, to - column));
            scalePass.scalesOfStrip(grid, strip, row, column, globalScale);
            codePass.roundStripUnderOwnScales(grid, strip, row, column, globalScale, into);
          }
        });
  }
}
