package org.modelopt.data;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * Gathers token ids of samples and counts what became of the records they were made from.
 *
 * <p>With a seed every record has the same chance to be among those kept, in the order of the
 * source (reservoir sampling: Vitter, "Random Sampling with a Reservoir", 1985, algorithm R).
 */
final class SampleCollector {
  @SuppressWarnings("ArrayRecordComponent") // never compared nor handed out
  private record Kept(long number, int[] ids) {}

  private final String source;
  private final int asked;
  private final int maxLength;
  private final boolean packed;
  private final boolean drawing;
  private final SplittableRandom random;
  private final List<Kept> kept = new ArrayList<>();
  private int[] pending = {};
  private long candidates;
  private long read;
  private long skipped;

  SampleCollector(String source, int asked, int maxLength, SampleRequest request) {
    this.source = source;
    this.asked = asked;
    this.maxLength = maxLength;
    this.packed = request.packed();
    this.drawing = request.seed().isPresent();
    this.random = new SplittableRandom(request.seed().orElse(0));
  }

  boolean isFull() {
    return !drawing && kept.size() >= asked;
  }

  /** One more record: its first tokens become a sample, or all join what is packed. */
  void add(int[] ids) {
    read++;
    if (!packed) {
      int length = Math.min(ids.length, maxLength);
      if (length < SampleSource.LEAST_TOKENS) {
        skipped++;
        return;
      }
      offer(length == ids.length ? ids : Arrays.copyOf(ids, length));
      return;
    }
    int at = pending.length;
    pending = Arrays.copyOf(pending, at + ids.length);
    System.arraycopy(ids, 0, pending, at, ids.length);
    int from = 0;
    while (pending.length - from >= maxLength && !isFull()) {
      offer(Arrays.copyOfRange(pending, from, from + maxLength));
      from += maxLength;
    }
    pending = Arrays.copyOfRange(pending, from, pending.length);
  }

  private void offer(int[] ids) {
    Kept candidate = new Kept(candidates++, ids);
    if (kept.size() < asked) {
      kept.add(candidate);
      return;
    }
    long place = random.nextLong(candidates);
    if (place < asked) {
      kept.set((int) place, candidate);
    }
  }

  /** What was gathered; tokens left over by packing are dropped. */
  SampleSet finish() {
    List<Tensor> samples =
        kept.stream()
            .sorted(Comparator.comparingLong(Kept::number))
            // Collected with the tensor: samples have no owner that could close anything.
            .map(k -> Tensor.ofInts(Arena.ofAuto(), Shape.of(k.ids().length), k.ids()))
            .toList();
    return new SampleSet(source, samples, asked, read, skipped);
  }
}
