package org.modelopt.formats.internal;

/**
 * Work space for a short run of elements of one row, and how they fall into groups that share a
 * scale. Used by one thread at a time.
 *
 * <p>The first group has {@link #head()} elements, as it may have begun before the strip; the
 * others have {@link #group()}, the last perhaps fewer. Group i has {@code divisor[i]} and {@code
 * zeroPoint[i]}.
 */
public final class Strip {
  /**
   * Most elements of a strip. Small enough for the first-level cache, large enough that the work
   * around a strip does not count.
   */
  public static final int CAPACITY = 4096;

  /** Room behind the last element, so that loops need not stop exactly there. */
  private static final int SLACK = 64;

  private static final int LENGTH = CAPACITY + SLACK;

  /** The elements. */
  public final float[] x = new float[LENGTH];

  /** Room for a copy of the elements. */
  public final float[] y = new float[LENGTH];

  /**
   * Whether the elements were bfloat16 or binary16 and below 2^60, so that quotients can be made
   * from products. Set by {@link Kernels#load}.
   */
  public boolean narrow;

  /** Their codes, each in the low bits of a byte. */
  public final byte[] codes = new byte[LENGTH];

  /** Largest magnitude of each group. */
  public final float[] amax = new float[LENGTH];

  /** Whether {@link #amax} is that of all elements of this strip, which are finite. */
  public boolean amaxKnown;

  /** Scale of each group, without the tensor's global scale. */
  public final float[] scale = new float[LENGTH];

  /** What the elements of each group are divided by; never zero. */
  public final float[] divisor = new float[LENGTH];

  /** Room for one over each divisor. */
  public final float[] reciprocal = new float[LENGTH];

  /** Room for largest magnitudes of 16-bit elements. */
  public final short[] peaks = new short[LENGTH];

  /** Zero point of each group; zero for formats without. */
  public final int[] zeroPoint = new int[LENGTH];

  private int n;
  private int head;
  private int group;
  private int groups;

  /**
   * Makes this a strip of {@code newN} elements in groups of {@code newGroup} from the start on.
   */
  public void reset(int newN, int newGroup) {
    reset(newN, newGroup, newGroup);
  }

  /** Makes this a strip of {@code newN} elements whose first group has {@code newHead} left. */
  public void reset(int newN, int newHead, int newGroup) {
    if (newN > CAPACITY || newHead < 1 || newGroup < 1) {
      throw new IllegalArgumentException(
          "no strip of %d elements in groups of %d, %d".formatted(newN, newHead, newGroup));
    }
    n = newN;
    amaxKnown = false;
    head = Math.min(newHead, newN);
    group = newGroup;
    groups = n == 0 ? 0 : 1 + Math.ceilDiv(n - head, group);
  }

  /** Number of elements. */
  public int n() {
    return n;
  }

  /** Number of elements of the first group. */
  public int head() {
    return head;
  }

  /** Number of elements of the following groups. */
  public int group() {
    return group;
  }

  /** Number of groups. */
  public int groups() {
    return groups;
  }

  /** Group of an element. */
  public int groupOf(int index) {
    return index < head ? 0 : 1 + (index - head) / group;
  }

  /** First element of group {@code index}. */
  public int start(int index) {
    return index == 0 ? 0 : head + (index - 1) * group;
  }

  /** End (exclusive) of group {@code index}. */
  public int end(int index) {
    return Math.min(n, head + index * group);
  }
}
