package org.modelopt.statistics;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.modelopt.compute.Backend;
import org.modelopt.compute.ChannelObserver;
import org.modelopt.compute.Product;
import org.modelopt.compute.Scope;
import org.modelopt.compute.Workers;
import org.modelopt.tensor.Tensor;

/**
 * What was seen of one site: statistics always, more where it was asked for. Closing gives the
 * memory of the second moment back. Not safe for use by several threads.
 */
public final class Seen implements AutoCloseable {
  /**
   * What to gather beyond {@link Statistics}.
   *
   * @param histogram counts of magnitudes, for calibrators that look at their distribution
   * @param secondMoment {@link SecondMoment}
   * @param rows {@link RowSample}
   */
  public record Wanted(boolean histogram, boolean secondMoment, boolean rows) {
    /** Nothing more. */
    public static final Wanted STATISTICS = new Wanted(false, false, false);

    /** What either wants. */
    public Wanted and(Wanted other) {
      return new Wanted(
          histogram || other.histogram, secondMoment || other.secondMoment, rows || other.rows);
    }
  }

  private final Optional<ChannelObserver> observer;
  private Statistics statistics;
  private final Optional<Histogram> histogram;
  private final Optional<SecondMoment> secondMoment;
  private final Optional<RowSample> rows;
  private final Optional<String> note;

  /** Nothing seen yet of a tensor with that many channels, on the device of {@code backend}. */
  public Seen(int channels, Wanted wanted, Backend backend) {
    this.observer = Optional.of(backend.observeChannels(channels));
    this.statistics = Statistics.empty(channels);
    this.histogram = wanted.histogram ? Optional.of(new Histogram()) : Optional.empty();
    this.secondMoment =
        wanted.secondMoment ? Optional.of(new SecondMoment(channels)) : Optional.empty();
    this.rows = wanted.rows ? Optional.of(new RowSample(channels)) : Optional.empty();
    this.note = Optional.empty();
  }

  private Seen(
      Statistics statistics,
      Optional<Histogram> histogram,
      Optional<SecondMoment> secondMoment,
      Optional<RowSample> rows,
      Optional<String> note) {
    this.observer = Optional.empty();
    this.statistics = statistics;
    this.histogram = histogram;
    this.secondMoment = secondMoment;
    this.rows = rows;
    this.note = note;
  }

  /**
   * What stands for a site that did not see enough itself; not to be closed.
   *
   * @param note why, for reports
   */
  public static Seen shared(
      Statistics statistics,
      Optional<Histogram> histogram,
      Optional<SecondMoment> secondMoment,
      Optional<RowSample> rows,
      String note) {
    return new Seen(statistics, histogram, secondMoment, rows, Optional.of(note));
  }

  /** What a file kept. */
  static Seen of(
      Statistics statistics,
      Optional<Histogram> histogram,
      Optional<SecondMoment> secondMoment,
      Optional<RowSample> rows) {
    return new Seen(statistics, histogram, secondMoment, rows, Optional.empty());
  }

  /**
   * What this and {@code later}, both finished, saw together, as far as both gathered it. Both
   * become part of it and are not to be used or closed any more.
   */
  public Seen merged(Seen later, Workers workers) {
    Optional<Histogram> counts = histogram.filter(h -> later.histogram.isPresent());
    counts.ifPresent(h -> h.merge(later.histogram.orElseThrow()));
    Optional<RowSample> sample = rows.filter(r -> later.rows.isPresent());
    sample.ifPresent(r -> r.merge(later.rows.orElseThrow()));
    Optional<SecondMoment> moment = secondMoment.filter(m -> later.secondMoment.isPresent());
    moment.ifPresent(m -> m.merge(later.secondMoment.orElseThrow(), workers));
    if (moment.isEmpty()) {
      close();
    }
    later.close();
    return of(statistics.merge(later.statistics), counts, moment, sample);
  }

  /** Names of what {@code wanted} asks for and this did not gather. */
  public List<String> lacks(Wanted wanted) {
    List<String> lacking = new ArrayList<>();
    if (wanted.histogram && histogram.isEmpty()) {
      lacking.add("histogram");
    }
    if (wanted.secondMoment && secondMoment.isEmpty()) {
      lacking.add("second moment");
    }
    if (wanted.rows && rows.isEmpty()) {
      lacking.add("sampled rows");
    }
    return lacking;
  }

  /** Sees the rows of {@code x}, on the device of {@code backend}. */
  void add(Tensor x, Backend backend) {
    observer.orElseThrow().add(x);
    secondMoment.ifPresent(m -> m.add(x, Product.on(backend), backend.workers()));
    rows.ifPresent(sample -> sample.add(x, backend));
    if (histogram.isPresent()) {
      try (Scope scope = backend.openScope()) {
        histogram.get().add(backend.toHost(x, scope).toFloats());
      }
    }
  }

  /** To be called after the last row. */
  void finish(Backend backend) {
    statistics = Statistics.of(observer.orElseThrow().summary());
    secondMoment.ifPresent(m -> m.finish(backend.workers()));
    rows.ifPresent(sample -> sample.finish(backend));
  }

  /** Maxima, means and counts. */
  public Statistics statistics() {
    return statistics;
  }

  /** Counts of magnitudes, if they were wanted. */
  public Optional<Histogram> histogram() {
    return histogram;
  }

  /** The second moment, if it was wanted. */
  public Optional<SecondMoment> secondMoment() {
    return secondMoment;
  }

  /** Some of the rows, if they were wanted. */
  public Optional<RowSample> rows() {
    return rows;
  }

  /** Why this is not what the site itself saw, if it is not. */
  public Optional<String> note() {
    return note;
  }

  @Override
  public void close() {
    observer.ifPresent(ChannelObserver::close);
    secondMoment.ifPresent(SecondMoment::close);
    rows.ifPresent(RowSample::close);
  }
}
