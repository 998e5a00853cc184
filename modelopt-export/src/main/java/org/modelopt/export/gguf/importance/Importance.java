package org.modelopt.export.gguf.importance;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.modelopt.data.CalibrationData;
import org.modelopt.data.SampleSet;
import org.modelopt.export.gguf.architecture.ModelShape;
import org.modelopt.export.gguf.architecture.PlannedTensor;
import org.modelopt.export.gguf.architecture.TensorPlanner;
import org.modelopt.export.gguf.importance.ImportanceObserver.MeanSquares;
import org.modelopt.job.JobOptions;
import org.modelopt.models.HfModel;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.TensorInfo;

/** Makes an importance matrix from calibration data. */
public final class Importance {
  private Importance() {}

  /** Runs {@code data} through {@code model} and sums the squares of what enters its linears. */
  public static ImportanceMatrix of(HfModel model, CalibrationData data, JobOptions options) {
    SampleSet samples = data.read(model.textEncoder());
    Map<String, MeanSquares> seen = ImportanceObserver.observe(model, samples.samples(), options);
    long longest =
        samples.samples().stream().mapToLong(sample -> sample.shape().dim(0)).max().orElse(0);
    return new ImportanceMatrix(
        entries(model, seen),
        List.of(samples.source()),
        samples.samples().size(),
        Math.toIntExact(longest));
  }

  /** Sums by the tensors of the file: of experts, those of all, one after the other. */
  private static SequencedMap<String, ImportanceMatrix.Entry> entries(
      HfModel model, Map<String, MeanSquares> seen) {
    Map<String, Shape> shapes = new LinkedHashMap<>();
    for (TensorInfo info : model.tensors().tensors()) {
      shapes.put(info.name(), info.shape());
    }
    SequencedMap<String, ImportanceMatrix.Entry> entries = new LinkedHashMap<>();
    for (PlannedTensor planned : TensorPlanner.plan(ModelShape.read(model.config()), shapes)) {
      if (!planned.isMatrix()
          || !planned.name().startsWith("blk.")
          || !(planned.content() instanceof PlannedTensor.Stored stored)
          || stored.parts().stream().noneMatch(part -> seen.containsKey(part.source()))) {
        continue;
      }
      List<Float> sums = new ArrayList<>();
      List<Float> counts = new ArrayList<>();
      for (PlannedTensor.Part part : stored.parts()) {
        MeanSquares squares =
            seen.getOrDefault(
                part.source(),
                new MeanSquares(Collections.nCopies(Math.toIntExact(planned.columns()), 0f), 0));
        sums.addAll(squares.sums());
        counts.add((float) squares.tokens());
      }
      entries.put(planned.name(), new ImportanceMatrix.Entry(sums, counts));
    }
    return entries;
  }
}
