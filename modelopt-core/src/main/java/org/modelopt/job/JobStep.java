package org.modelopt.job;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.modelopt.decision.Decisions;
import org.modelopt.report.LinearReport;
import org.modelopt.statistics.Statistics;

/**
 * What a job has to show for one layer.
 *
 * @param decisions what was decided in this layer, one for each config of the job
 * @param reports what the quantized linears of this layer are like, a list for each config
 * @param statistics what was seen in this layer, by input group and cache site
 */
public record JobStep(
    List<Decisions> decisions,
    List<List<LinearReport>> reports,
    Map<String, Statistics> statistics) {
  /** Copies lists and map, keeping their order. */
  public JobStep {
    decisions = List.copyOf(decisions);
    reports = reports.stream().map(List::copyOf).toList();
    statistics = Collections.unmodifiableMap(new LinkedHashMap<>(statistics));
  }
}
