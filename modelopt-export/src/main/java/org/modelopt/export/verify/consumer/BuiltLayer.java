package org.modelopt.export.verify.consumer;

import java.util.List;
import org.modelopt.export.verify.layout.Fusing;
import org.modelopt.export.verify.layout.LinearModule;
import org.modelopt.export.verify.layout.ModelLayout;

/**
 * A linear layer as a consumer builds it: under the path of the joined layer that it is part of.
 *
 * @param module the layer in the checkpoint
 * @param path where the consumer builds it: the joined layer, or the container of all experts
 * @param shards paths of the layers joined there, in order; one if nothing is joined
 */
public record BuiltLayer(LinearModule module, String path, List<String> shards) {
  /** Copies the list. */
  public BuiltLayer {
    shards = List.copyOf(shards);
  }

  /** How consumers that join layers build {@code module}. */
  public static BuiltLayer of(ModelLayout layout, LinearModule module) {
    return new BuiltLayer(
        module,
        layout.fusedPath(module),
        layout.fusedWith(module).stream().map(LinearModule::path).toList());
  }

  /** Whether it is part of a block of experts. */
  boolean isExpert() {
    return Fusing.isExpert(module.path());
  }

  /** Whether layers of different names are joined in it. */
  boolean isJoined() {
    return shards.size() > 1 && !isExpert();
  }
}
