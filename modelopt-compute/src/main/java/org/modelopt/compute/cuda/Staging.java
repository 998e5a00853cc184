package org.modelopt.compute.cuda;

import static org.modelopt.compute.cuda.CudaDriver.check;

import java.lang.foreign.MemorySegment;
import jcuda.driver.CUevent;
import jcuda.driver.JCudaDriver;
import org.modelopt.compute.Workers;

/**
 * Pinned host memory through which bytes go to the device and back, so that copies run beside
 * computation: while the device fetches one piece, the host fills the next.
 *
 * <p>Uploads return when the last piece was handed to the upload stream; downloads when the bytes
 * are there. Safe for use by several threads, one transfer at a time.
 */
final class Staging implements AutoCloseable {
  private static final int PIECES = 4;
  private static final long PIECE_BYTES = 16L << 20;
  private static final int SMALL_PIECES = 32;
  private static final long SMALL_BYTES = 1L << 20;
  private static final long COPY_BYTES = 1L << 20;
  private static final int EVENTS = 256;

  /** Pinned memory and the end of the last copy out of it. */
  private record Piece(MemorySegment memory, CUevent fetched) {}

  private final CudaDevice device;
  private final Workers workers;
  private final Pointers.Host pinned = new Pointers.Host();
  private final Piece[] pieces = new Piece[PIECES];
  private final Piece[] small = new Piece[SMALL_PIECES];
  private final CUevent[] uploads = new CUevent[EVENTS];
  private final MemorySegment downloads;
  private int nextPiece;
  private int nextSmall;
  private int nextUpload;

  @SuppressWarnings("restricted") // memory that the driver allocated
  Staging(CudaDevice device, Workers workers) {
    this.device = device;
    this.workers = workers;
    long bytes = (PIECES + 1) * PIECE_BYTES + SMALL_PIECES * SMALL_BYTES;
    device.makeCurrent();
    check(
        JCudaDriver.cuMemHostAlloc(pinned, bytes, 0),
        "pinning %,d bytes of host memory".formatted(bytes));
    MemorySegment all = MemorySegment.ofAddress(pinned.address()).reinterpret(bytes);
    for (int i = 0; i < PIECES; i++) {
      pieces[i] = new Piece(all.asSlice(i * PIECE_BYTES, PIECE_BYTES), CudaDevice.event());
    }
    this.downloads = all.asSlice(PIECES * PIECE_BYTES, PIECE_BYTES);
    long smallStart = (PIECES + 1) * PIECE_BYTES;
    for (int i = 0; i < SMALL_PIECES; i++) {
      small[i] =
          new Piece(all.asSlice(smallStart + i * SMALL_BYTES, SMALL_BYTES), CudaDevice.event());
    }
    for (int i = 0; i < EVENTS; i++) {
      uploads[i] = CudaDevice.event();
    }
  }

  /**
   * Copies {@code from} to {@code address}; the host memory is free to change afterwards.
   *
   * @return the end of the upload, for a stream to wait for
   */
  synchronized CUevent upload(MemorySegment from, long address) {
    device.makeCurrent();
    boolean isSmall = from.byteSize() <= SMALL_BYTES;
    long step = isSmall ? SMALL_BYTES : PIECE_BYTES;
    for (long at = 0; at < from.byteSize(); at += step) {
      long bytes = Math.min(step, from.byteSize() - at);
      Piece piece = isSmall ? small[nextSmall++ % SMALL_PIECES] : pieces[nextPiece++ % PIECES];
      check(JCudaDriver.cuEventSynchronize(piece.fetched), "uploading");
      copy(from.asSlice(at, bytes), piece.memory);
      check(
          JCudaDriver.cuMemcpyHtoDAsync(
              Pointers.device(address + at),
              Pointers.host(piece.memory.address()),
              bytes,
              device.upload()),
          "uploading %,d bytes".formatted(bytes));
      check(JCudaDriver.cuEventRecord(piece.fetched, device.upload()), "uploading");
    }
    CUevent end = uploads[nextUpload++ % EVENTS];
    check(JCudaDriver.cuEventRecord(end, device.upload()), "uploading");
    return end;
  }

  /** Copies the bytes at {@code address} to {@code to}, after all that was asked before. */
  synchronized void download(long address, MemorySegment to) {
    device.makeCurrent();
    long half = PIECE_BYTES / 2;
    long started = start(address, to, 0, half);
    for (long at = 0; at < to.byteSize(); at += half) {
      check(JCudaDriver.cuStreamSynchronize(device.compute()), "computing or downloading");
      long here = started - at;
      // The next piece comes while this one is copied out.
      started += start(address, to, started, half);
      copy(downloads.asSlice(at / half % 2 * half, here), to.asSlice(at, here));
    }
    if (to.byteSize() == 0) {
      check(JCudaDriver.cuStreamSynchronize(device.compute()), "computing");
    }
  }

  private long start(long address, MemorySegment to, long at, long half) {
    long bytes = Math.min(half, to.byteSize() - at);
    if (bytes > 0) {
      check(
          JCudaDriver.cuMemcpyDtoHAsync(
              Pointers.host(downloads.address() + at / half % 2 * half),
              Pointers.device(address + at),
              bytes,
              device.compute()),
          "downloading %,d bytes".formatted(bytes));
    }
    return Math.max(0, bytes);
  }

  private void copy(MemorySegment from, MemorySegment to) {
    long bytes = from.byteSize();
    if (bytes <= 2 * COPY_BYTES) {
      MemorySegment.copy(from, 0, to, 0, bytes);
    } else {
      workers.forRange(
          bytes,
          COPY_BYTES,
          (start, end) -> MemorySegment.copy(from, start, to, start, end - start));
    }
  }

  @Override
  public synchronized void close() {
    device.makeCurrent();
    for (CUevent event : uploads) {
      JCudaDriver.cuEventDestroy(event);
    }
    for (Piece piece : pieces) {
      JCudaDriver.cuEventDestroy(piece.fetched);
    }
    for (Piece piece : small) {
      JCudaDriver.cuEventDestroy(piece.fetched);
    }
    JCudaDriver.cuMemFreeHost(pinned);
  }
}
