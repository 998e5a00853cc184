package org.modelopt.formats;

import java.util.Optional;
import org.modelopt.formats.internal.Encoding;
import org.modelopt.numeric.Arithmetic;
import org.modelopt.numeric.CodebookFormat;
import org.modelopt.numeric.Conversion;
import org.modelopt.numeric.FloatFormat;
import org.modelopt.numeric.Granularity;
import org.modelopt.numeric.IntFormat;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.Rounding;
import org.modelopt.tensor.Shape;

/**
 * A matrix as one run of elements, sixteen by sixteen, whose groups are runs of whole sixteens: the
 * kernels' structure {@code Runs}.
 *
 * @param count sixteens of all elements
 * @param perGroup sixteens that share a scale; 0 if all do
 */
record CudaRuns(long count, long perGroup) {
  private static final int RUN = 16;
  private static final long MOST = 1L << 30;

  /** The runs of a matrix, if its layout, format and rounding are among those of the kernels. */
  static Optional<CudaRuns> of(
      QuantSpec spec, Conversion conversion, Shape shape, CudaGroups groups) {
    int bits = spec.format().bits();
    boolean format =
        switch (spec.format()) {
          case CodebookFormat _ -> bits == 4;
          case IntFormat _ -> bits == 8 || bits == 6 || bits == 4;
          case FloatFormat f -> bits == 8 || bits == 6 || f.equals(FloatFormat.E2M1);
        };
    boolean perTensor = spec.granularity() instanceof Granularity.PerTensor;
    Encoding.Variant variant = Encoding.of(spec, conversion.arithmetic()).variant();
    boolean rounding =
        !(conversion.rounding() instanceof Rounding.Stochastic)
            && variant != Encoding.Variant.TIES_TOWARD_ZERO
            && !(perTensor && conversion.arithmetic() != Arithmetic.FLOAT32);
    boolean layout =
        shape.columns() > 0
            && shape.columns() % RUN == 0
            && (perTensor
                || groups.rows() == 1
                    && groups.columns() % RUN == 0
                    && shape.columns() % groups.columns() == 0);
    long count = shape.rows() * shape.columns() / RUN;
    return format && rounding && layout && count < MOST
        ? Optional.of(new CudaRuns(count, perTensor ? 0 : groups.columns() / RUN))
        : Optional.empty();
  }

  /**
   * The structure. A division of numbers below 2^31 by c is a product: with s the smallest power
   * 2^s &gt;= c, {@code ceil(2^(31 + s) / c)} is too large by less than 1, so that the product is
   * too large by less than {@code 2^s / 2^s / c}, which no quotient notices.
   */
  int[] words() {
    if (perGroup == 0) {
      return new int[] {(int) count, 0, 0};
    }
    int shift = Long.SIZE - Long.numberOfLeadingZeros(perGroup - 1);
    return new int[] {(int) count, (int) Math.ceilDiv(1L << (31 + shift), perGroup), shift};
  }
}
