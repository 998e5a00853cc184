package org.modelopt.quantize;

import java.util.Arrays;
import org.modelopt.compute.Workers;
import org.modelopt.numeric.CodebookFormat;
import org.modelopt.numeric.FloatFormat;
import org.modelopt.numeric.Granularity;
import org.modelopt.numeric.IntFormat;
import org.modelopt.numeric.NumberFormat;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.Scales;

/**
 * The values that the elements of one weight can take under frozen scales: {@code code * scale},
 * one scale for {@code block} consecutive elements of a row.
 *
 * <p>Rounding is to nearest even from the float32 quotient {@code x / scale}, saturating; NaN is
 * not expected. Immutable. Integer formats stay within {@link IntFormat#min} and {@link
 * IntFormat#max}; float formats follow OCP Microscaling Formats v1.0 section 5.3.
 */
public final class Grid {
  private static final int ROWS_PER_TASK = 8;

  private final NumberFormat format;
  private final int columns;
  private final int block;
  private final int blocksPerRow;
  private final float[] scales;
  private final int[] zeroPoints; // as many as scales, or none

  private Grid(NumberFormat format, int columns, int block, float[] scales, int[] zeroPoints) {
    this.zeroPoints = zeroPoints;
    this.format = format;
    this.columns = columns;
    this.block = block;
    this.blocksPerRow = Math.ceilDiv(columns, block);
    this.scales = scales;
  }

  /**
   * A grid of given effective scales (block scale times global scale).
   *
   * @param block elements of a row under one scale; the last block of a row may be shorter
   * @param scales one per block, row-major, positive
   */
  public static Grid ofScales(NumberFormat format, int columns, int block, float... scales) {
    return new Grid(format, columns, block, scales.clone(), new int[0]);
  }

  /**
   * The grid of given scales of a weight {@code [rows, columns]}.
   *
   * @throws IllegalArgumentException if the spec's sharing does not go by rows and blocks of them
   */
  public static Grid of(QuantSpec spec, Scales scales, int rows, int columns) {
    int block =
        switch (spec.granularity()) {
          case Granularity.Block(int size) -> size;
          case Granularity.PerChannel(), Granularity.PerToken(), Granularity.PerTensor() -> columns;
          case Granularity.Block2d(_, int tileColumns) -> tileColumns;
        };
    int perRow = Math.ceilDiv(columns, block);
    float[] effective = new float[Math.multiplyExact(rows, perRow)];
    int[] zeros = new int[scales.zeroPoints().isPresent() ? effective.length : 0];
    for (int at = 0; at < effective.length; at++) {
      long from =
          switch (spec.granularity()) {
            case Granularity.PerTensor() -> 0;
            case Granularity.Block2d(int tileRows, _) ->
                (long) (at / perRow / tileRows) * perRow + at % perRow;
            case Granularity.Block _, Granularity.PerChannel(), Granularity.PerToken() -> at;
          };
      effective[at] = ScaleValues.get(scales.values(), from) * scales.globalScale();
      if (zeros.length > 0) {
        zeros[at] = (int) scales.zeroPoints().orElseThrow().getFloat(from);
      }
    }
    return new Grid(spec.format(), columns, block, effective, zeros);
  }

  /** The grid whose scales are {@code amax / maxFinite} of each block; 1 where amax is 0. */
  public static Grid ofMaxima(NumberFormat format, Matrix weight, int block, Workers workers) {
    float[] amax = maxima(weight, block, workers);
    for (int i = 0; i < amax.length; i++) {
      float scale = amax[i] / format.maxFinite();
      amax[i] = scale == 0 ? 1 : scale;
    }
    return new Grid(format, weight.columns(), block, amax, new int[0]);
  }

  /** Largest magnitude of each block, row-major. */
  public static float[] maxima(Matrix weight, int block, Workers workers) {
    int perRow = Math.ceilDiv(weight.columns(), block);
    float[] amax = new float[Math.multiplyExact(weight.rows(), perRow)];
    workers.forRange(
        weight.rows(),
        ROWS_PER_TASK,
        (from, to) -> {
          for (int at = (int) from * perRow; at < to * perRow; at++) {
            int row = at / perRow * weight.columns();
            int first = at % perRow * block;
            float most = 0;
            for (int j = first; j < Math.min(weight.columns(), first + block); j++) {
              most = Math.max(most, Math.abs(weight.values()[row + j]));
            }
            amax[at] = most;
          }
        });
    return amax;
  }

  /** Elements of a row under one scale. */
  public int block() {
    return block;
  }

  /** A copy of the scales, row-major. */
  public float[] scales() {
    return scales.clone();
  }

  /** A copy whose scale of block {@code index} is {@code scale}. */
  public Grid withScales(float... newScales) {
    if (newScales.length != scales.length) {
      throw new IllegalArgumentException(
          "expected %d scales but found %d".formatted(scales.length, newScales.length));
    }
    return new Grid(format, columns, block, newScales.clone(), zeroPoints);
  }

  /** The value of this grid nearest to {@code x} at a place of the weight. */
  public float nearest(int row, int column, float x) {
    int at = row * blocksPerRow + column / block;
    float scale = scales[at];
    if (zeroPoints.length == 0) {
      return round(format, x / scale) * scale;
    }
    int zero = zeroPoints[at]; // of unsigned integers
    return (Math.clamp((float) Math.rint(x / scale) + zero, 0, format.maxFinite()) - zero) * scale;
  }

  /** Every element of {@code weight} rounded to this grid. */
  public Matrix nearest(Matrix weight, Workers workers) {
    float[] rounded = new float[weight.values().length];
    workers.forRange(
        weight.rows(),
        ROWS_PER_TASK,
        (from, to) -> {
          for (int row = (int) from; row < to; row++) {
            for (int j = 0; j < columns; j++) {
              int at = row * columns + j;
              rounded[at] = nearest(row, j, weight.values()[at]);
            }
          }
        });
    return new Matrix(weight.rows(), columns, rounded);
  }

  /** How many elements are larger than the largest value of their scale times {@code slack}. */
  long beyond(Matrix weight, float slack) {
    long beyond = 0;
    float most = format.maxFinite() * slack;
    for (int i = 0; i < weight.values().length && zeroPoints.length == 0; i++) {
      float scale = scales[i / columns * blocksPerRow + i % columns / block];
      beyond += Math.abs(weight.values()[i]) > Math.abs(scale) * most ? 1 : 0;
    }
    return beyond;
  }

  /** The value of {@code format} nearest to {@code x}, ties to the even code, saturating. */
  static float round(NumberFormat format, float x) {
    return switch (format) {
      case IntFormat ints -> (float) Math.clamp(Math.rint(x), ints.min(), ints.max());
      case FloatFormat floats -> round(floats, x);
      case CodebookFormat book -> nearestLevel(book, x);
    };
  }

  private static float round(FloatFormat format, float x) {
    float magnitude = Math.abs(x);
    int exponent = Math.max(Math.getExponent(magnitude), 1 - format.bias());
    float step = Math.scalb(1f, exponent - format.mantissaBits());
    float rounded = Math.min((float) Math.rint(magnitude / step) * step, format.maxFinite());
    return Math.copySign(rounded, x);
  }

  private static float nearestLevel(CodebookFormat book, float x) {
    float best = book.levels().getFirst();
    for (float level : book.levels()) {
      best = Math.abs(level - x) < Math.abs(best - x) ? level : best;
    }
    return best;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Grid that
        && format.equals(that.format)
        && columns == that.columns
        && block == that.block
        && Arrays.equals(scales, that.scales);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(scales);
  }
}
