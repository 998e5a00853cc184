package org.modelopt.job;

import java.util.List;
import org.modelopt.model.Layer;
import org.modelopt.model.Model;
import org.modelopt.tensor.Tensor;

/** Runs samples through a whole model, layer by layer. */
public final class Forward {
  private Forward() {}

  /**
   * Runs all samples and hands what the last layer gives to {@code output}, in sample order.
   *
   * @param phase name of the work for progress
   * @param samples as {@link Model#input} takes them
   */
  public static void run(
      String phase,
      Model model,
      List<Tensor> samples,
      Pass pass,
      JobOptions options,
      Activations.Output output) {
    List<Layer> layers = model.layers();
    try (Activations activations = Activations.of(model, samples, pass, options)) {
      for (int i = 0; i < layers.size(); i++) {
        Layer layer = layers.get(i);
        LayerTicks ticks =
            new LayerTicks(
                options.progress(), phase, layer.name(), samples.size(), i, layers.size());
        try (LayerParameters parameters = LayerParameters.load(model, layer, pass)) {
          if (i < layers.size() - 1) {
            activations.advance(layer, parameters, pass, ticks);
          } else {
            activations.drain(layer, parameters, pass, output, ticks);
          }
        }
      }
    }
  }
}
