package org.modelopt.export.write;

import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import org.modelopt.decision.Decisions;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.job.LinearForm;
import org.modelopt.model.Linear;
import org.modelopt.tensor.Tensor;

/**
 * All that one target writes for one model.
 *
 * @param format name of the format for people, for example {@code ModelOpt NVFP4}
 * @param decisions what is applied to the parameters as they are read
 * @param files the files with tensors
 * @param linears what is made of weights and biases, by linear
 * @param joined what is made of several linears together, whose rows alternate in a file
 * @param parameters what is made of other stored tensors, by their name
 * @param constants tensors that are known already
 * @param texts content of further files, by name
 * @param copies files that are copied byte for byte
 * @param consumers programs that load the result; it is held against their rules
 */
public record CheckpointPlan(
    String format,
    Decisions decisions,
    CheckpointFiles files,
    SequencedMap<Linear, List<Piece<LinearForm>>> linears,
    SequencedMap<List<Linear>, List<Piece<List<LinearForm>>>> joined,
    SequencedMap<String, List<Piece<Tensor>>> parameters,
    SequencedMap<Place, Tensor> constants,
    SequencedMap<String, String> texts,
    List<Path> copies,
    Set<Consumer> consumers) {
  /** Copies the collections, keeping their order. */
  public CheckpointPlan {
    linears = copy(linears);
    joined = copy(joined);
    parameters = copy(parameters);
    constants = copy(constants);
    texts = copy(texts);
    copies = List.copyOf(copies);
    consumers = Set.copyOf(consumers);
  }

  private static <K, V> SequencedMap<K, V> copy(Map<K, V> map) {
    return Collections.unmodifiableSequencedMap(new LinkedHashMap<>(map));
  }
}
