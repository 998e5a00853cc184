package org.modelopt.quantize;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.modelopt.compute.Backend;
import org.modelopt.config.Config;
import org.modelopt.data.SampleSet;
import org.modelopt.error.ConfigException;
import org.modelopt.error.DataException;
import org.modelopt.job.Activations;
import org.modelopt.job.ExpertPolicy;
import org.modelopt.job.Fingerprint;
import org.modelopt.job.JobOptions;
import org.modelopt.job.LayerParameters;
import org.modelopt.job.LayerTicks;
import org.modelopt.job.Pass;
import org.modelopt.model.Layer;
import org.modelopt.model.Model;
import org.modelopt.publish.Publication;
import org.modelopt.statistics.Seen;
import org.modelopt.statistics.StatisticsFile;
import org.modelopt.statistics.StatisticsObserver;
import org.modelopt.tensor.Tensor;

/**
 * The observing half of {@link Calibration}: samples go through the unquantized model, and what
 * configs need to see is written into a directory, a file for each layer, for {@link
 * StoredStatistics}. So samples can be split over processes and machines.
 */
public final class Observation {
  private final Model model;
  private final List<Config> configs;
  private final JobOptions options;

  /**
   * Prepares the pass; nothing is read yet.
   *
   * @param configs what will be decided from the statistics
   * @throws ConfigException if one does not fit the model or cannot be decided from statistics, or
   *     none needs any
   */
  public Observation(Model model, List<Config> configs, JobOptions options) {
    this.model = model;
    this.configs = List.copyOf(configs);
    this.options = options;
    configs.forEach(Calibration::requireParallel);
    if (!new Calibration(model, configs, options).needsSamples()) {
      throw new ConfigException(
          "%s need no statistics; quantize without them"
              .formatted(configs.stream().map(Config::name).toList()));
    }
  }

  /**
   * Observes.
   *
   * @param directory where statistics appear, complete or not at all; must not exist or be empty
   */
  public void run(SampleSet set, Backend backend, Path directory) {
    List<Tensor> samples = set.samples();
    if (samples.isEmpty()) {
      throw new DataException(set.source() + ": there are no samples to observe");
    }
    Pass pass = Pass.plain(backend, options.precisionFor(model));
    LayerLoop loop =
        new LayerLoop(model, configs, Calibration.plans(model, configs), options, pass, true);
    Map<String, String> about = new LinkedHashMap<>();
    about.put("format", StoredStatistics.FORMAT);
    about.put("model", Fingerprint.ofModel(model.tensors()));
    about.put("precision", pass.precision().name());
    about.put("experts", StoredStatistics.experts(options));
    about.put("device", backend.arithmetic());
    about.put("data", Fingerprint.ofSamples(samples));
    about.put("source", set.source());
    about.put("samples", Integer.toString(samples.size()));
    about.put("tokens", Long.toString(set.tokens()));
    List<Layer> layers = model.layers();
    int last = loop.lastObserved(layers);
    try (Publication publication = Publication.ofDirectory(directory);
        Activations activations = Activations.of(model, samples, pass, options)) {
      for (int i = 0; i <= last; i++) {
        LayerTicks ticks =
            new LayerTicks(
                options.progress(), "observe", layers.get(i).name(), samples.size(), i, last + 1);
        Map<String, Seen.Wanted> wanted = loop.wanted(layers.get(i));
        try (StatisticsObserver observer =
            new StatisticsObserver(backend, site -> Optional.ofNullable(wanted.get(site)))) {
          Pass observing =
              pass.observedBy(observer).toAllExperts(options.experts() == ExpertPolicy.ALL_TOKENS);
          try (LayerParameters parameters = LayerParameters.load(model, layers.get(i), observing)) {
            activations.advance(layers.get(i), parameters, observing, ticks);
          }
          StatisticsFile.write(
              StoredStatistics.file(publication.path(), i), observer.seen(), about);
        }
      }
      publication.commit();
    }
  }
}
