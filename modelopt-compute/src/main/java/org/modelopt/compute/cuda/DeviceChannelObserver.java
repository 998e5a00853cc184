package org.modelopt.compute.cuda;

import java.lang.foreign.ValueLayout;
import org.modelopt.compute.ChannelObserver;
import org.modelopt.compute.ChannelSummary;
import org.modelopt.compute.Scope;
import org.modelopt.compute.cuda.CudaModule.Grid;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** Figures per channel that stay on the device until somebody asks for them. */
final class DeviceChannelObserver implements ChannelObserver {
  private static final int COLUMNS = 256;
  private static final int PARTS = 32;

  private final CudaBackend backend;
  private final CudaModule module;
  private final int channels;
  private final Scope scope;
  private final Tensor amax;
  private final Tensor sums;
  private long rows;

  DeviceChannelObserver(CudaBackend backend, CudaModule module, int channels) {
    this.backend = backend;
    this.module = module;
    this.channels = channels;
    this.scope = backend.openScope();
    this.amax = scope.allocate(DType.F32, Shape.of(PARTS, channels));
    this.sums = scope.allocate(DType.I32, Shape.of(PARTS, channels, 2)); // float64
    backend.clear(amax);
    backend.clear(sums);
  }

  @Override
  public void add(Tensor x) {
    if (x.shape().rank() != 2 || x.shape().dim(1) != channels) {
      throw new IllegalArgumentException(
          "expected %d channels but found %s".formatted(channels, x));
    }
    rows += x.shape().dim(0);
    module.launch(
        "observe_" + CudaBackend.suffix(x.dtype()),
        new Grid(Math.ceilDiv(channels, COLUMNS), PARTS, 32, 8, 0),
        backend
            .arguments()
            .tensor(x)
            .int32(Math.toIntExact(x.shape().dim(0)))
            .int32(channels)
            .tensor(amax)
            .tensor(sums));
  }

  @Override
  public ChannelSummary summary() {
    try (Scope temporary = backend.openScope()) {
      Tensor allAmax = temporary.allocate(DType.F32, amax.shape());
      Tensor allSums = temporary.allocate(DType.I32, sums.shape());
      backend.copy(amax, allAmax);
      backend.copy(sums, allSums);
      module.launch(
          "finish",
          Grid.of(Math.ceilDiv(channels, COLUMNS), COLUMNS),
          backend.arguments().int32(PARTS).int32(channels).tensor(allAmax).tensor(allSums));
      return new ChannelSummary(
          rows,
          backend.toHost(allAmax.rows(0, 1), temporary).toFloats(),
          backend.toHost(allSums.rows(0, 1), temporary).segment().toArray(ValueLayout.JAVA_DOUBLE));
    }
  }

  @Override
  public void close() {
    scope.close();
  }
}
