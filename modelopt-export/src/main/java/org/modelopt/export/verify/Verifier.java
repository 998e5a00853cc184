package org.modelopt.export.verify;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.modelopt.compute.Workers;
import org.modelopt.error.CheckpointException;
import org.modelopt.error.ConfigException;
import org.modelopt.export.gguf.verify.GgufVerifier;
import org.modelopt.export.verify.checkpoint.ExportDirectory;
import org.modelopt.export.verify.config.QuantizationSettings;
import org.modelopt.export.verify.config.SettingsReader;
import org.modelopt.export.verify.consumer.ConsumerRules;
import org.modelopt.export.verify.consumer.ExportView;
import org.modelopt.export.verify.layout.ModelConfig;
import org.modelopt.export.verify.layout.ModelLayout;
import org.modelopt.export.verify.layout.ModelLayouts;
import org.modelopt.export.verify.ranks.RankCheck;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.TensorError;
import org.modelopt.export.verify.report.VerifyReport;
import org.modelopt.export.verify.report.Violation;
import org.modelopt.export.verify.value.Original;
import org.modelopt.export.verify.value.ValueCheck;
import tools.jackson.databind.JsonNode;

/**
 * Reads an exported checkpoint back from disk and holds it against the rules of the programs that
 * shall load it.
 *
 * <p>The verifier shares nothing with the exporters but the reader of safetensors files: names,
 * shapes, packings and formulas are its own. It is stricter than the programs themselves, many of
 * which load a broken checkpoint without a word and answer nonsense.
 *
 * <p>Memory stays bounded: tensors are mapped one at a time and compared a few rows at a time.
 */
public final class Verifier {
  private static final Violation RANKS =
      new Violation(
          "checkpoint of classic TensorRT-LLM",
          "no other program reads its files",
          "export hf for other programs, or verify for trtllm");
  private static final Violation NO_RANKS =
      new Violation(
          "no files of ranks",
          "classic TensorRT-LLM loads one file for each rank",
          "export trtllm, or verify for trtllm-pytorch");

  private final Path path;
  private final VerifyOptions options;
  private final Findings findings = new Findings();

  private Verifier(Path path, VerifyOptions options) {
    this.path = path;
    this.options = options;
  }

  /**
   * Verifies the HuggingFace-style directory {@code export}, or the GGUF file.
   *
   * @return all that was found; malformed files are findings, too
   * @throws CheckpointException if there is no such directory, or the original checkpoint cannot be
   *     read
   * @throws ConfigException if a consumer reads directories and this is a file, or the other way
   *     round
   */
  public static VerifyReport verify(Path export, VerifyOptions options) {
    if (Files.isRegularFile(export)) {
      return verifyFile(export, options);
    }
    if (!Files.isDirectory(export)) {
      throw new CheckpointException(export + ": no such directory; name the exported checkpoint");
    }
    if (options.consumers().contains(Consumer.LLAMA_CPP)) {
      throw new ConfigException(
          export + ": llama.cpp reads GGUF files; name the file, not a directory");
    }
    return new Verifier(export, options).run();
  }

  private static VerifyReport verifyFile(Path file, VerifyOptions options) {
    if (!Set.of(Consumer.LLAMA_CPP).containsAll(options.consumers())) {
      throw new ConfigException(
          file + ": a GGUF file is verified for llama.cpp; the others read directories");
    }
    GgufVerifier verifier =
        GgufVerifier.of(file).withSlack(options.slack()).withThreads(options.threads());
    return options.original().map(verifier::withOriginal).orElse(verifier).run();
  }

  private VerifyReport run() {
    if (RankCheck.isOne(path)) {
      Optional<Original> original =
          options.original().map(before -> Original.open(before, Set.of()));
      RankCheck.Result result;
      try (Workers workers = new Workers(options.threads())) {
        result = RankCheck.run(path, original, findings, workers);
      }
      for (Consumer consumer : options.consumers()) {
        if (consumer != Consumer.TRTLLM) {
          findings.error(Set.of(consumer), RANKS, Place.EXPORT, "a HuggingFace directory", "ranks");
        }
      }
      return new VerifyReport(
          path,
          options.consumers(),
          findings.list(),
          result.tensors(),
          result.quantized(),
          result.errors());
    }
    ExportDirectory directory = ExportDirectory.read(path, findings);
    Set<String> names = directory.tensors().keySet();
    Optional<Original> original = options.original().map(before -> Original.open(before, names));
    Optional<JsonNode> config = SideFileCheck.config(path, findings);
    if (config.isEmpty()) {
      return report(directory, 0, List.of());
    }
    original.ifPresent(
        before -> SideFileCheck.compare(path, config.get(), before.path(), findings));
    QuantizationSettings settings = SettingsReader.read(config.get(), path, findings);
    ModelConfig model = new ModelConfig(config.get());
    ModelLayout layout =
        ModelLayouts.fromConfig(model, names, findings)
            .orElseGet(() -> layoutFromTensors(directory, model, settings, original));
    ExportView view =
        new ExportView(
            directory,
            model,
            layout,
            settings,
            StoredLayers.quantized(directory, layout, settings, findings));
    checkRules(view, original);
    List<TensorError> errors = List.of();
    if (original.isPresent()) {
      try (Workers workers = new Workers(options.threads())) {
        errors = new ValueCheck(view, original.get(), options.slack()).run(workers, findings);
      }
    }
    int quantized = view.quantized().size() + view.quantizedStacks().size();
    return report(directory, quantized, errors);
  }

  private static ModelLayout layoutFromTensors(
      ExportDirectory directory,
      ModelConfig model,
      QuantizationSettings settings,
      Optional<Original> original) {
    return original
        .map(
            before -> ModelLayouts.fromTensors(ModelLayout.Source.ORIGINAL, model, before.shapes()))
        .orElseGet(() -> StoredLayers.layout(directory, model, settings));
  }

  private void checkRules(ExportView view, Optional<Original> original) {
    List<ConsumerRules> rules = new ArrayList<>();
    if (options.consumers().isEmpty()) {
      rules.add(ConsumerRules.ofFormat());
    }
    for (Consumer consumer : options.consumers()) {
      if (consumer == Consumer.TRTLLM) {
        findings.error(Set.of(consumer), NO_RANKS, Place.EXPORT, "rank0.safetensors", "absent");
      } else {
        rules.add(ConsumerRules.of(consumer));
      }
    }
    for (ConsumerRules rule : rules) {
      rule.check(view, findings);
      new LayerCheck(view, rule).run(findings);
    }
    Set<String> cache = CacheCheck.run(view, findings);
    new TensorCheck(view, findings)
        .run(cache, original.map(before -> before.shapes().keySet()).orElse(Set.of()));
    Set<Consumer> joining = EnumSet.noneOf(Consumer.class);
    joining.addAll(options.consumers());
    joining.remove(Consumer.TRANSFORMERS);
    joining.remove(Consumer.TRTLLM);
    // Transformers joins nothing and divides nothing.
    if (options.consumers().isEmpty() || !joining.isEmpty()) {
      new JoinedCheck(view, joining, findings).run();
      ParallelCheck.run(view, joining, options.tensorParallel(), findings);
    }
    InputScaleCheck.run(view, findings);
  }

  private VerifyReport report(ExportDirectory directory, int quantized, List<TensorError> errors) {
    return new VerifyReport(
        path, options.consumers(), findings.list(), directory.tensorCount(), quantized, errors);
  }
}
