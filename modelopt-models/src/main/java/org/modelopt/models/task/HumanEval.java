package org.modelopt.models.task;

import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.modelopt.data.TextEncoder;
import org.modelopt.error.DataException;
import org.modelopt.models.generation.Generation;
import org.modelopt.models.generation.GenerationOptions;
import org.modelopt.models.generation.TextGenerator;
import tools.jackson.databind.json.JsonMapper;

/**
 * Code from prompts: JSONL with {@code task_id} and {@code prompt}. Completions are written as
 * JSONL with {@code task_id} and {@code completion}, which the task's own harness runs in a sandbox
 * to get pass@1; nothing is executed here.
 */
public final class HumanEval {
  /** What begins the next definition or statement at the left margin. */
  private static final List<String> STOPS = List.of("\nclass", "\ndef", "\n#", "\nif", "\nprint");

  private static final JsonMapper MAPPER = JsonMapper.builder().build();

  private HumanEval() {}

  /**
   * Completes the prompts of {@code problems} greedily.
   *
   * @param out file that is written; replaced if it exists
   * @return number of completions
   * @throws DataException if a file cannot be read or written
   */
  public static int complete(
      Path problems,
      Path out,
      int limit,
      TextGenerator generator,
      TextEncoder encoder,
      Set<Integer> endTokens,
      int maxTokens) {
    List<JsonItems.Item> items = JsonItems.read(problems);
    items = items.subList(0, Math.min(limit, items.size()));
    GenerationOptions options = GenerationOptions.greedy(maxTokens, STOPS, endTokens);
    try (BufferedWriter writer = Files.newBufferedWriter(out, StandardCharsets.UTF_8)) {
      for (JsonItems.Item item : items) {
        int[] prompt = encoder.encode(item.text("prompt"), true);
        Generation code = generator.generate(prompt, options, 0, () -> false);
        writer.write(
            MAPPER.writeValueAsString(
                MAPPER
                    .createObjectNode()
                    .put("task_id", item.text("task_id"))
                    .put("completion", code.text())));
        writer.write('\n');
      }
    } catch (IOException e) {
      throw new DataException(out + " cannot be written: " + e, e);
    }
    return items.size();
  }
}
