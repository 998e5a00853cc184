package org.modelopt.export.trtllm;

import org.modelopt.error.ConfigException;

/**
 * How a model is divided: rank = stage * tensorParallel + part.
 *
 * @param layers decoder layers
 * @param tensorParallel parts of each layer
 * @param pipelineParallel stages of consecutive layers
 */
record Ranks(int layers, int tensorParallel, int pipelineParallel) {
  /** Checks the numbers. */
  Ranks {
    if (tensorParallel < 1 || pipelineParallel < 1) {
      throw new ConfigException(
          "tensor and pipeline parallelism are at least 1, not %d and %d"
              .formatted(tensorParallel, pipelineParallel));
    }
    if (layers % pipelineParallel != 0) {
      throw new ConfigException(
          "%d layers cannot be divided onto %d stages of the pipeline; choose a divisor"
              .formatted(layers, pipelineParallel));
    }
  }

  int count() {
    return tensorParallel * pipelineParallel;
  }

  private int layersPerStage() {
    return layers / pipelineParallel;
  }

  int stage(int layer) {
    return layer / layersPerStage();
  }

  /** Number of a layer within its stage. */
  int local(int layer) {
    return layer % layersPerStage();
  }

  int rank(int stage, int part) {
    return stage * tensorParallel + part;
  }
}
