package org.modelopt.export;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.modelopt.export.compressed.CompressedTensorsTarget;
import org.modelopt.export.gguf.architecture.GgufArchitecture;
import org.modelopt.export.trtllm.TensorRtLlmTarget;
import org.modelopt.export.unified.ModelOptTarget;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.export.write.ServeCommands;
import org.modelopt.models.family.Families;

/** Which consumer loads what: the table of docs/exports.md, from what the exporters go by. */
public final class SupportTable {
  private static final List<Consumer> COLUMNS =
      List.of(
          Consumer.VLLM,
          Consumer.SGLANG,
          Consumer.TRTLLM_PYTORCH,
          Consumer.TRTLLM,
          Consumer.TRANSFORMERS);

  private static final Set<Consumer> ALL =
      Set.of(Consumer.VLLM, Consumer.SGLANG, Consumer.TRTLLM_PYTORCH, Consumer.TRANSFORMERS);

  /**
   * A line of the table.
   *
   * @param target name of the export
   * @param format what is in it
   * @param readers who loads it
   */
  public record Row(String target, String format, Set<Consumer> readers) {
    /** Copies the set. */
    public Row {
      readers = Set.copyOf(readers);
    }
  }

  private SupportTable() {}

  /** All lines, by export. */
  public static List<Row> rows() {
    List<Row> rows = new ArrayList<>();
    ModelOptTarget.support().forEach((format, readers) -> rows.add(new Row("hf", format, readers)));
    rows.add(new Row("hf-fp8-block", "FP8 in tiles of 128 by 128", ALL));
    rows.add(new Row("hf-mxfp4", "MXFP4 experts of gpt-oss", ALL));
    CompressedTensorsTarget.support()
        .forEach((format, readers) -> rows.add(new Row("compressed-tensors", format, readers)));
    Set<Consumer> integers = Set.of(Consumer.VLLM, Consumer.SGLANG, Consumer.TRANSFORMERS);
    rows.add(new Row("autoawq", "INT4, symmetric or with zero points", integers));
    rows.add(new Row("llm-awq", "INT4, symmetric or with zero points", Set.of()));
    rows.add(new Row("gptq", "INT4 and INT8, symmetric", integers));
    rows.add(
        new Row(
            "gptq",
            "INT4 and INT8 with zero points",
            Set.of(Consumer.SGLANG, Consumer.TRANSFORMERS)));
    rows.add(
        new Row(
            "trtllm",
            "FP8, FP8 by row, NVFP4, INT4 (W4A16_AWQ, W4A8_AWQ), INT8 SmoothQuant, W8A16",
            Set.of(Consumer.TRTLLM)));
    rows.add(new Row("plain", "BF16, F16, F32", ALL));
    return rows;
  }

  /** The table in Markdown. */
  public static String markdown() {
    StringBuilder text = new StringBuilder("| export | format |");
    COLUMNS.forEach(c -> text.append(' ').append(c.title()).append(" |"));
    text.append("\n|---|---|").append("---|".repeat(COLUMNS.size())).append('\n');
    for (Row row : rows()) {
      text.append("| `").append(row.target()).append("` | ").append(row.format()).append(" |");
      COLUMNS.forEach(c -> text.append(row.readers().contains(c) ? " yes |" : " |"));
      text.append('\n');
    }
    return text.toString();
  }

  /** Names of each architecture in exports that do not keep HuggingFace's, in Markdown. */
  public static String architectures() {
    return Families.all().stream()
        .map(family ->
            "| `%s` | %s | %s |\n"
                .formatted(
                    family.modelType(),
                    code(GgufArchitecture.ofClass(family.architecture()).map(GgufArchitecture::id)),
                    code(TensorRtLlmTarget.decoder(family.modelType()))))
        .collect(
            Collectors.joining(
                "", "| model_type | GGUF | TensorRT-LLM decoder |\n|---|---|---|\n", ""));
  }

  private static String code(Optional<String> name) {
    return name.map(text -> "`" + text + "`").orElse("none");
  }

  /** How each consumer is started, in Markdown. */
  public static String commands() {
    return Arrays.stream(Consumer.values())
        .map(c -> "| %s | `%s` |\n".formatted(c.title(), ServeCommands.of(c)))
        .collect(Collectors.joining("", "| program | command |\n|---|---|\n", ""));
  }
}
