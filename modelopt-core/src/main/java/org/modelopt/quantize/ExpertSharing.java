package org.modelopt.quantize;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.modelopt.compute.Workers;
import org.modelopt.error.DataException;
import org.modelopt.job.ExpertPolicy;
import org.modelopt.model.InputGroup;
import org.modelopt.model.Layer;
import org.modelopt.statistics.SecondMoment;
import org.modelopt.statistics.Seen;
import org.modelopt.statistics.Statistics;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What experts that saw too few tokens are decided by. One that saw none takes everything from all
 * its siblings in the layer together, so that scales are wide enough for whatever may come. One
 * that saw fewer tokens than it has channels keeps its own ranges but takes second moments from
 * all, since its own say nothing about most directions. Both are reported.
 */
final class ExpertSharing implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ExpertSharing.class);

  private final Map<String, Seen> complete;
  private final Map<String, SecondMoment> shared = new HashMap<>();

  private ExpertSharing(Map<String, Seen> seen) {
    this.complete = new LinkedHashMap<>(seen);
  }

  /**
   * {@code seen} with what experts take from their siblings.
   *
   * @throws DataException if the policy is to refuse that
   */
  static ExpertSharing of(
      Layer layer, Map<String, Seen> seen, ExpertPolicy policy, Workers workers) {
    ExpertSharing sharing = new ExpertSharing(seen);
    List<InputGroup> experts =
        layer.inputGroups().stream().filter(ExpertSharing::isExpert).toList();
    Map<String, List<Seen>> siblings = new LinkedHashMap<>();
    for (InputGroup group : experts) {
      Seen own = seen.get(group.name());
      if (own != null) {
        siblings.computeIfAbsent(kind(group), key -> new ArrayList<>()).add(own);
      }
    }
    int few = 0;
    for (InputGroup group : experts) {
      List<Seen> others = siblings.getOrDefault(kind(group), List.of());
      Seen own = seen.get(group.name());
      if (others.isEmpty() || (own != null && enough(own))) {
        continue;
      }
      if (policy == ExpertPolicy.REFUSE) {
        sharing.close();
        throw new DataException(
            "%s: saw %d calibration tokens, too few to decide it; give more samples, or choose that experts share statistics or that all see all tokens"
                .formatted(group.name(), own == null ? 0 : own.statistics().rows()));
      }
      few++;
      sharing.complete.put(group.name(), sharing.shared(kind(group), own, others, workers));
    }
    if (few > 0) {
      LOG.warn(
          "{}: {} of {} expert inputs saw too few calibration tokens and share what all of them"
              + " saw; give more samples",
          layer.name(),
          few,
          experts.size());
    }
    return sharing;
  }

  private static boolean enough(Seen own) {
    return own.secondMoment().filter(m -> m.tokens() < m.channels()).isEmpty();
  }

  private Seen shared(String kind, @Nullable Seen own, List<Seen> all, Workers workers) {
    Optional<SecondMoment> moment =
        all.getFirst().secondMoment().isEmpty()
            ? Optional.empty()
            : Optional.of(shared.computeIfAbsent(kind, key -> sum(all, workers)));
    Statistics statistics =
        own == null
            ? all.stream().map(Seen::statistics).reduce(Statistics::merge).orElseThrow()
            : own.statistics();
    return Seen.shared(
        statistics,
        all.getFirst().histogram(),
        moment,
        own == null ? all.getFirst().rows() : own.rows(),
        own == null
            ? "saw no calibration tokens: decided by what all experts saw"
            : "saw %d calibration tokens: second moments of all experts"
                .formatted(own.statistics().rows()));
  }

  private static SecondMoment sum(List<Seen> all, Workers workers) {
    SecondMoment sum = new SecondMoment(all.getFirst().statistics().channels());
    all.forEach(seen -> sum.merge(seen.secondMoment().orElseThrow(), workers));
    return sum;
  }

  private static boolean isExpert(InputGroup group) {
    return group.linears().stream().allMatch(linear -> linear.role().isExpert());
  }

  /** The part of an expert that a group is: its last name. */
  private static String kind(InputGroup group) {
    return group.name().substring(group.name().lastIndexOf('.') + 1);
  }

  /** What to decide by, for each site; valid until this is closed. */
  Map<String, Seen> seen() {
    return complete;
  }

  @Override
  public void close() {
    shared.values().forEach(SecondMoment::close);
  }
}
