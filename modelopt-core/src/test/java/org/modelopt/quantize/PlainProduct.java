package org.modelopt.quantize;

import java.lang.foreign.Arena;
import org.modelopt.compute.Product;
import org.modelopt.compute.Scope;
import org.modelopt.compute.Workers;
import org.modelopt.statistics.SecondMoment;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** Products by three loops, sums in float64 rounded once. */
final class PlainProduct implements Product {
  static final Product INSTANCE = new PlainProduct();

  private PlainProduct() {}

  @Override
  public Scope openScope() {
    return new ArenaScope();
  }

  @Override
  public Tensor multiply(Tensor x, Tensor w, Scope scope) {
    int t = (int) x.shape().dim(0);
    int n = (int) w.shape().dim(0);
    int k = (int) x.shape().dim(1);
    Tensor product = scope.allocate(DType.F32, Shape.of(t, n));
    for (int i = 0; i < t; i++) {
      for (int j = 0; j < n; j++) {
        double sum = 0;
        for (int l = 0; l < k; l++) {
          sum += (double) x.getFloat((long) i * k + l) * w.getFloat((long) j * k + l);
        }
        product.segment().set(Tensor.FLOAT, ((long) i * n + j) * 4, (float) sum);
      }
    }
    return product;
  }

  @Override
  public void gram(Tensor x, int from, int to, boolean add, Tensor sum) {
    int t = (int) x.shape().dim(0);
    int c = (int) x.shape().dim(1);
    for (int i = from; i < to; i++) {
      for (int j = from; j < c; j++) {
        double products = 0;
        for (int l = 0; l < t; l++) {
          products += (double) x.getFloat((long) l * c + i) * x.getFloat((long) l * c + j);
        }
        long at = (long) (i - from) * (c - from) + j - from;
        float before = add ? sum.getFloat(at) : 0;
        sum.segment().set(Tensor.FLOAT, at * 4, before + (float) products);
      }
    }
  }

  @Override
  public void copyRows(Tensor rows, Tensor target, long at) {
    target.rows(at, at + rows.shape().rows()).segment().copyFrom(rows.segment());
  }

  @Override
  public Tensor toHost(Tensor tensor, Scope scope) {
    return tensor;
  }

  /** The second moment of the rows of {@code x}. */
  static SecondMoment moment(Matrix x, Workers workers) {
    SecondMoment moment = new SecondMoment(x.columns());
    moment.add(x.toTensor(Arena.ofAuto()), INSTANCE, workers);
    moment.finish(workers);
    return moment;
  }

  private static final class ArenaScope implements Scope {
    private final Arena arena = Arena.ofShared();

    @Override
    public Tensor allocate(DType dtype, Shape shape) {
      return Tensor.allocate(arena, dtype, shape);
    }

    @Override
    public void close() {
      arena.close();
    }
  }
}
