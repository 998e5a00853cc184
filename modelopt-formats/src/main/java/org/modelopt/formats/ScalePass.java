package org.modelopt.formats;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.modelopt.formats.codec.ScaleRules;
import org.modelopt.formats.codec.ScaleRules.ScaleAndZero;
import org.modelopt.formats.internal.Encoding;
import org.modelopt.formats.internal.Kernels;
import org.modelopt.formats.internal.ScalarKernels;
import org.modelopt.formats.internal.Strip;
import org.modelopt.numeric.Conversion;
import org.modelopt.numeric.Granularity;
import org.modelopt.numeric.Matrix;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.ScaleRule;
import org.modelopt.numeric.Scales;
import org.modelopt.tensor.Tensor;

/** What the elements that share a scale have in common, and the scale that follows. */
final class ScalePass {
  /** Takes the amax of the groups of a strip, the first of which has the given number. */
  @FunctionalInterface
  private interface Sink {
    void accept(Strip strip, long firstGroup);
  }

  private final QuantSpec spec;
  private final Conversion conversion;
  private final Kernels kernels;
  private final Pieces pieces;
  private final Encoding encoding;

  ScalePass(QuantSpec spec, Conversion conversion, Kernels kernels, Pieces pieces) {
    this.spec = spec;
    this.conversion = conversion;
    this.kernels = kernels;
    this.pieces = pieces;
    this.encoding = Encoding.of(spec, conversion.arithmetic());
  }

  /** Amax of every group, F32. */
  void amax(Matrix x, Tensor into) {
    MemorySegment out = into.segment();
    Grid grid = Grid.of(x, spec.granularity());
    forGroups(
        grid,
        (strip, first) ->
            MemorySegment.copy(
                strip.amax, 0, out, Tensor.FLOAT, first * Float.BYTES, strip.groups()));
  }

  /** Amax of all elements. */
  float amaxOfAll(Matrix x) {
    Grid grid = Grid.of(x, Granularity.perTensor()).flattened(8);
    AtomicInteger amax = new AtomicInteger();
    pieces.forParts(
        grid.x().rows(),
        grid.x().columns(),
        Strip.CAPACITY,
        (_, row, from, to) -> {
          int bits = Float.floatToRawIntBits(amaxOfPart(grid, row, from, to));
          if (bits > amax.get()) {
            amax.accumulateAndGet(bits, Math::max);
          }
        });
    return Float.intBitsToFloat(amax.get());
  }

  /** Whether the scales of a strip of whole groups can be made at once. */
  boolean worksOnStrips() {
    return spec.scaleRule().dependsOnAmaxOnly() || spec.scaleRule() == ScaleRule.FOUR_OVER_SIX;
  }

  /** Scales of every group under the global scale that {@code into} has. */
  void scales(Matrix x, Scales into) {
    Grid grid = Grid.of(x, spec.granularity());
    if (spec.scaleRule().dependsOnAmaxOnly()) {
      forGroups(grid, (strip, first) -> scalesOfAmax(strip, into, first));
    } else if (worksOnStrips() && grid.groupsFitStrips()) {
      int columns = wholeGroups(grid);
      pieces.forParts(
          x.rows(),
          x.columns(),
          columns,
          (strip, row, from, to) -> {
            for (long column = from; column < to; column += columns) {
              grid.place(strip, column, (int) Math.min(columns, to - column));
              scalesOfStrip(grid, strip, row, column, into.globalScale());
              storeScales(strip, into, grid.group(row, column));
            }
          });
    } else {
      pieces.forEach(
          grid.groups(),
          grid.groupRows() * grid.groupColumns(),
          (strip, group) -> scaleOfElements(grid, strip, group, into));
    }
  }

  /** Scales of the groups of one row. */
  void scalesOfRow(Grid grid, Strip strip, long row, Scales into) {
    if (spec.scaleRule().dependsOnAmaxOnly()) {
      forGroupsOfRow(grid, strip, row, (s, first) -> scalesOfAmax(s, into, first));
    } else {
      for (long i = 0; i < grid.groupsPerRow(); i++) {
        scaleOfElements(grid, strip, grid.group(row, 0) + i, into);
      }
    }
  }

  /** Scales of the groups of a strip of whole groups to {@code strip.scale}. */
  void scalesOfStrip(Grid grid, Strip strip, long row, long column, float globalScale) {
    amaxOfStrip(grid, strip, row, column);
    if (spec.scaleRule() != ScaleRule.FOUR_OVER_SIX) {
      kernels.scales(strip, spec, conversion.arithmetic(), globalScale);
      return;
    }
    Matrix x = grid.x();
    kernels.fourOverSix(strip, globalScale, x.dtype(), x.segment(), x.byteOffset(row, column));
    for (int g = 0; g < strip.groups(); g++) {
      if (Float.isNaN(strip.scale[g])) {
        long group = grid.group(row, column) + g;
        int index = g;
        pieces.withStrip(
            work -> strip.scale[index] = fourOverSix(grid, work, group, globalScale).scale());
      }
    }
  }

  /** Stores {@code strip.scale}, the first of which is number {@code first}. */
  void storeScales(Strip strip, Scales into, long first) {
    kernels.storeScales(strip, spec.scaleFormat(), into.values().segment(), first);
  }

  /** Scales of given maxima, one group each. */
  void scalesOfAmax(Tensor amax, Scales into) {
    MemorySegment in = amax.segment();
    pieces.forParts(
        1,
        amax.shape().elements(),
        Strip.CAPACITY,
        (strip, _, from, to) -> {
          for (long i = from; i < to; i += Strip.CAPACITY) {
            strip.reset((int) Math.min(Strip.CAPACITY, to - i), 1);
            MemorySegment.copy(in, Tensor.FLOAT, i * Float.BYTES, strip.amax, 0, strip.groups());
            for (int g = 0; g < strip.groups(); g++) {
              Checks.amax(strip.amax[g], i + g);
            }
            scalesOfAmax(strip, into, i);
          }
        });
  }

  private void scalesOfAmax(Strip strip, Scales into, long first) {
    kernels.scales(strip, spec, conversion.arithmetic(), into.globalScale());
    storeScales(strip, into, first);
  }

  private void forGroups(Grid grid, Sink sink) {
    Matrix x = grid.x();
    if (x.elements() == 0) {
      long scales = spec.granularity().scaleShape(x.shape()).elements();
      for (long group = 0; group < scales; group++) {
        one(0, group, sink);
      }
    } else if (grid.groups() == 1) {
      one(amaxOfAll(x), 0, sink);
    } else if (grid.groupsFitStrips()) {
      int strip = wholeGroups(grid);
      pieces.forParts(
          x.rows(),
          x.columns(),
          strip,
          (work, row, from, to) -> forStrips(grid, work, row, from, to, strip, sink));
    } else if (grid.groupRows() == 1) {
      pieces.forEach(x.rows(), x.columns(), (strip, row) -> forGroupsOfRow(grid, strip, row, sink));
    } else if (grid.groupColumns() <= Strip.CAPACITY) {
      forBands(
          grid,
          wholeGroups(grid),
          (strip, top, left, to) -> {
            amaxOfBand(grid, strip, top, left, to);
            sink.accept(strip, grid.group(top, left));
          });
    } else {
      pieces.forEach(
          grid.groups(),
          grid.groupRows() * grid.groupColumns(),
          (strip, group) -> {
            strip.reset(1, 1);
            strip.amax[0] = amaxOfGroup(grid, group);
            sink.accept(strip, group);
          });
    }
  }

  /** Runs {@code task} over rectangles as high as a group and at most {@code columns} wide. */
  void forBands(Grid grid, int columns, Pieces.Task task) {
    Matrix x = grid.x();
    long parts = Math.ceilDiv(x.columns(), columns);
    pieces.forEach(
        Math.ceilDiv(x.rows(), grid.groupRows()) * parts,
        grid.groupRows() * columns,
        (strip, index) -> {
          long left = index % parts * columns;
          long right = Math.min(x.columns(), left + columns);
          task.run(strip, index / parts * grid.groupRows(), left, right);
        });
  }

  /**
   * Scales of the groups of a rectangle as high as a group, by a rule that depends on amax only.
   */
  void scalesOfBand(Grid grid, Strip strip, long top, long left, long right, Scales into) {
    amaxOfBand(grid, strip, top, left, right);
    scalesOfAmax(strip, into, grid.group(top, left));
  }

  /** Row by row, as they lie in memory. */
  private void amaxOfBand(Grid grid, Strip strip, long top, long left, long right) {
    float[] amax = strip.y;
    int groups = (int) Math.ceilDiv(right - left, grid.groupColumns());
    Arrays.fill(amax, 0, groups, 0);
    for (long row = top; row < Math.min(grid.x().rows(), top + grid.groupRows()); row++) {
      grid.place(strip, left, (int) (right - left));
      amaxOfStrip(grid, strip, row, left);
      for (int g = 0; g < groups; g++) {
        amax[g] = Math.max(amax[g], strip.amax[g]);
      }
    }
    strip.amaxKnown = false;
    System.arraycopy(amax, 0, strip.amax, 0, groups);
  }

  private void one(float amax, long group, Sink sink) {
    pieces.withStrip(strip -> {
      strip.reset(1, 1);
      strip.amax[0] = amax;
      sink.accept(strip, group);
    });
  }

  private void forGroupsOfRow(Grid grid, Strip strip, long row, Sink sink) {
    long columns = grid.x().columns();
    if (grid.groupsFitStrips()) {
      forStrips(grid, strip, row, 0, columns, wholeGroups(grid), sink);
      return;
    }
    for (long from = 0; from < columns; from += grid.groupColumns()) {
      strip.reset(1, 1);
      strip.amax[0] = amaxOfPart(grid, row, from, Math.min(columns, from + grid.groupColumns()));
      sink.accept(strip, grid.group(row, from));
    }
  }

  private void forStrips(
      Grid grid, Strip strip, long row, long from, long to, int stripColumns, Sink sink) {
    for (long column = from; column < to; column += stripColumns) {
      grid.place(strip, column, (int) Math.min(stripColumns, to - column));
      amaxOfStrip(grid, strip, row, column);
      sink.accept(strip, grid.group(row, column));
    }
  }

  /** Columns of as many whole groups as fit a strip. */
  private static int wholeGroups(Grid grid) {
    return (int) (Strip.CAPACITY / grid.groupColumns() * grid.groupColumns());
  }

  private void amaxOfStrip(Grid grid, Strip strip, long row, long column) {
    Matrix x = grid.x();
    float largest = kernels.amaxOfGroups(strip, x.dtype(), x.segment(), x.byteOffset(row, column));
    strip.amaxKnown = largest <= Float.MAX_VALUE;
    if (strip.amaxKnown) {
      return;
    }
    for (int g = 0; g < strip.groups(); g++) {
      if (!(strip.amax[g] <= Float.MAX_VALUE)) {
        strip.amax[g] = finiteAmax(grid, row, column + strip.start(g), column + strip.end(g));
      }
    }
  }

  private float amaxOfGroup(Grid grid, long group) {
    Matrix x = grid.x();
    long top = group / grid.groupsPerRow() * grid.groupRows();
    long left = group % grid.groupsPerRow() * grid.groupColumns();
    long right = Math.min(x.columns(), left + grid.groupColumns());
    float amax = 0;
    for (long row = top; row < Math.min(x.rows(), top + grid.groupRows()); row++) {
      amax = Math.max(amax, amaxOfPart(grid, row, left, right));
    }
    return amax;
  }

  private float amaxOfPart(Grid grid, long row, long from, long to) {
    Matrix x = grid.x();
    float amax = kernels.amax(x.dtype(), x.segment(), x.byteOffset(row, from), to - from);
    return amax <= Float.MAX_VALUE ? amax : finiteAmax(grid, row, from, to);
  }

  /** For elements some of which are not finite: throws, or leaves them out. */
  private float finiteAmax(Grid grid, long row, long from, long to) {
    Matrix x = grid.x();
    Checks.refuseNonFinite(conversion, grid.original());
    return ScalarKernels.finiteAmax(x.dtype(), x.segment(), x.byteOffset(row, from), to - from);
  }

  private void scaleOfElements(Grid grid, Strip strip, long group, Scales into) {
    ScaleAndZero scale =
        spec.scaleRule() == ScaleRule.FOUR_OVER_SIX
            ? fourOverSix(grid, strip, group, into.globalScale())
            : ofRange(grid, strip, group);
    ScalarKernels.storeScale(spec.scaleFormat(), scale.scale(), into.values().segment(), group);
    into.zeroPoints()
        .ifPresent(
            points -> points.segment().set(Tensor.INT, group * Integer.BYTES, scale.zeroPoint()));
  }

  private ScaleAndZero ofRange(Grid grid, Strip strip, long group) {
    float[] range = {Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY};
    forStripsOfGroup(
        grid,
        strip,
        group,
        s -> {
          for (int i = 0; i < s.n(); i++) {
            if (Float.isFinite(s.x[i])) {
              range[0] = Math.min(range[0], s.x[i]);
              range[1] = Math.max(range[1], s.x[i]);
            }
          }
        });
    boolean empty = range[0] > range[1];
    return ScaleRules.ofRange(spec, empty ? 0 : range[0], empty ? 0 : range[1]);
  }

  private ScaleAndZero fourOverSix(Grid grid, Strip strip, long group, float globalScale) {
    float[] candidates = ScaleRules.fourOverSix(amaxOfGroup(grid, group), globalScale);
    double six = squaredError(grid, strip, group, candidates[0], globalScale);
    double four = squaredError(grid, strip, group, candidates[1], globalScale);
    return new ScaleAndZero(four < six ? candidates[1] : candidates[0], 0);
  }

  /** Sum over the finite elements of a group, in order, in float64. */
  private double squaredError(Grid grid, Strip strip, long group, float scale, float globalScale) {
    double[] sum = new double[1];
    forStripsOfGroup(
        grid,
        strip,
        group,
        s -> {
          System.arraycopy(s.x, 0, s.y, 0, s.n());
          s.scale[0] = scale;
          kernels.divisors(s, globalScale, encoding.stepsPerScale());
          kernels.round(encoding, s);
          for (int i = 0; i < s.n(); i++) {
            double error = (double) s.y[i] - s.x[i];
            sum[0] += Float.isFinite(s.y[i]) ? error * error : 0;
          }
        });
    return sum[0];
  }

  /** Runs {@code task} over the elements of one group, each strip one group of its own. */
  private void forStripsOfGroup(Grid grid, Strip strip, long group, Consumer<Strip> task) {
    Matrix x = grid.x();
    long top = group / grid.groupsPerRow() * grid.groupRows();
    long left = group % grid.groupsPerRow() * grid.groupColumns();
    long right = Math.min(x.columns(), left + grid.groupColumns());
    for (long row = top; row < Math.min(x.rows(), top + grid.groupRows()); row++) {
      for (long column = left; column < right; column += Strip.CAPACITY) {
        int n = (int) Math.min(Strip.CAPACITY, right - column);
        strip.reset(n, n);
        float amax = kernels.load(strip, x.dtype(), x.segment(), x.byteOffset(row, column));
        if (!(amax <= Float.MAX_VALUE)) {
          Checks.refuseNonFinite(conversion, grid.original());
        }
        task.accept(strip);
      }
    }
  }
}
