package org.modelopt.export.verify.layout;

import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.modelopt.error.CheckpointException;
import org.modelopt.export.verify.layout.LinearModule.Role;
import org.modelopt.export.verify.layout.LinearModule.Split;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.Violation;
import org.modelopt.tensor.Shape;

/** Finds the layout of a model. */
public final class ModelLayouts {
  private static final String WEIGHT = ".weight";
  private static final List<String> PREFIXES =
      List.of("model.", "language_model.model.", "model.language_model.");
  private static final Set<String> ROUTERS = Set.of("gate", "router", "shared_expert_gate");
  private static final Pattern NO_LINEAR = Pattern.compile("embed|norm|conv");

  private static final Violation FIELD =
      new Violation(
          "config.json field",
          "loaders build the model from it, and fail or build another one",
          "copy config.json from the original checkpoint and add quantization_config");
  private static final Violation UNKNOWN =
      new Violation(
          "architecture without a table",
          "the set of tensors cannot be known from config.json alone",
          "give the original checkpoint, too: its tensors then serve as the list");

  private ModelLayouts() {}

  /** The model types whose tensors are known from {@code config.json} alone. */
  public static Collection<String> modelTypes() {
    return Architectures.modelTypes();
  }

  /**
   * The layout from the table of architectures; empty, with a finding, if that cannot be told.
   *
   * @param names tensors of the export, which show where a multimodal model keeps its text part
   */
  public static Optional<ModelLayout> fromConfig(
      ModelConfig config, Set<String> names, Findings findings) {
    String prefix =
        PREFIXES.stream()
            .filter(p -> names.contains(p + "embed_tokens.weight"))
            .findFirst()
            .orElse(PREFIXES.getFirst());
    String head = prefix.equals("language_model.model.") ? "language_model.lm_head" : "lm_head";
    try {
      Optional<ModelLayout.Builder> layout = Architectures.layout(config, prefix, head);
      if (layout.isEmpty()) {
        findings.note(
            UNKNOWN,
            Place.file("config.json model_type"),
            "one of " + modelTypes(),
            config.modelType().isEmpty() ? "absent" : config.modelType());
      }
      return layout.map(ModelLayout.Builder::build);
    } catch (CheckpointException e) {
      findings.error(
          FIELD,
          Place.file("config.json"),
          "the fields of " + config.modelType(),
          String.valueOf(e.getMessage()));
      return Optional.empty();
    }
  }

  /**
   * A layout from the tensors of a checkpoint: matrices called {@code .weight} are linear layers
   * unless their name says embedding or norm.
   */
  public static ModelLayout fromTensors(
      ModelLayout.Source source, ModelConfig config, Map<String, Shape> tensors) {
    ModelLayout.Builder layout = new ModelLayout.Builder(source);
    tensors.forEach((name, shape) -> {
      if (name.endsWith(WEIGHT) && shape.rank() == 2 && !NO_LINEAR.matcher(name).find()) {
        layout.linear(guess(name.substring(0, name.length() - WEIGHT.length()), shape));
      } else {
        layout.other(name, shape);
      }
    });
    if (config.modelType().startsWith("gemma")) {
      layout.unitOffsetNorms();
    }
    return layout.build();
  }

  private static LinearModule guess(String path, Shape shape) {
    String leaf = path.substring(path.lastIndexOf('.') + 1);
    Role role =
        ROUTERS.contains(leaf)
            ? Role.ROUTER
            : leaf.equals("lm_head") ? Role.HEAD : Fusing.isExpert(path) ? Role.EXPERT : Role.BLOCK;
    // How tensor parallelism divides an unknown layer is unknown, too.
    return new LinearModule(
        path, shape.dim(0), shape.dim(1), Split.REPLICATED, role, Optional.empty());
  }
}
