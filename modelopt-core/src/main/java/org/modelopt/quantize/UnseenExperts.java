package org.modelopt.quantize;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.modelopt.model.InputGroup;
import org.modelopt.model.Layer;
import org.modelopt.model.Linear;
import org.modelopt.statistics.Statistics;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Statistics for experts that no calibration token was sent to: those of all their siblings in the
 * layer together, so that scales are wide enough for whatever may come.
 */
final class UnseenExperts {
  private static final Logger LOG = LoggerFactory.getLogger(UnseenExperts.class);

  private UnseenExperts() {}

  /**
   * {@code seen} and, for every input group of an expert that is not in it, what its siblings saw.
   */
  static Map<String, Statistics> complete(Layer layer, Map<String, Statistics> seen) {
    Map<String, Statistics> complete = new LinkedHashMap<>(seen);
    List<InputGroup> experts =
        layer.inputGroups().stream().filter(UnseenExperts::isExpert).toList();
    int unseen = 0;
    for (InputGroup group : experts) {
      if (!seen.containsKey(group.name())) {
        Optional<Statistics> siblings =
            experts.stream()
                .filter(other -> kind(other).equals(kind(group)))
                .filter(other -> seen.containsKey(other.name()))
                .map(other -> seen.get(other.name()))
                .reduce(Statistics::merge);
        if (siblings.isPresent()) {
          complete.put(group.name(), siblings.get());
          unseen++;
        }
      }
    }
    if (unseen > 0) {
      LOG.warn(
          "{}: {} of {} expert inputs saw no calibration token and take the scales of the others;"
              + " give more samples",
          layer.name(),
          unseen,
          experts.size());
    }
    return complete;
  }

  private static boolean isExpert(InputGroup group) {
    return group.linears().stream().allMatch(linear -> linear.role() == Linear.Role.EXPERT);
  }

  /** The part of an expert that a group is: its last name. */
  private static String kind(InputGroup group) {
    return group.name().substring(group.name().lastIndexOf('.') + 1);
  }
}
