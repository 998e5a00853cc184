package org.modelopt.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.modelopt.models.pocket.PocketModel;

/**
 * The catalogue of mistakes: what users get wrong, and what the message must hold: what is wrong,
 * where, and what to do now. In arguments, {@code MODEL} is a good checkpoint, {@code OUT} a target
 * that is not there, and {@code @name} a file or checkpoint of {@link Broken}.
 */
class MistakesTest {
  @TempDir private static Path directory;
  private static Broken broken;
  private static Path model;

  /**
   * A row of the catalogue.
   *
   * @param exit exit code
   * @param arguments the command line
   * @param parts what the message must hold
   */
  record Mistake(int exit, String arguments, List<String> parts) {
    @Override
    public String toString() {
      return arguments;
    }
  }

  private static Mistake failing(String arguments, String... parts) {
    return new Mistake(1, arguments, List.of(parts));
  }

  private static Mistake usage(String arguments, String... parts) {
    return new Mistake(2, arguments, List.of(parts));
  }

  private static Mistake quantize(String more, String... parts) {
    return failing("quantize --model MODEL --out OUT --samples 2 --max-length 32 " + more, parts);
  }

  private static Mistake loading(String name, String... parts) {
    return failing("quantize --model @" + name + " --out OUT --samples 2 --max-length 32", parts);
  }

  static Stream<Mistake> commandLines() {
    return Stream.of(
        usage("quantise --model MODEL", "'quantise'", "Did you mean: modelopt quantize"),
        usage("quantize --modle MODEL", "no option --modle", "did you mean \"--model\"?"),
        usage("quantize --model MODEL", "'--out=DIR'", "modelopt quantize --help"),
        usage("quantize --model MODEL --out OUT --samples many", "--samples", "'many'"),
        usage("forward --model MODEL --out OUT", "'--input-ids=FILE'"),
        failing("recipes fp9", "fp9", "there are fp8,"));
  }

  static Stream<Mistake> options() {
    return Stream.of(
        quantize("--threads 0", "--threads", "at least 1"),
        quantize("--device gpu", "\"gpu\"", "cpu"),
        quantize("--precision fp8", "--precision is float32 or bf16", "\"fp8\""),
        quantize("--activation-memory -5", "--activation-memory", "-5"),
        quantize("--work-dir @nowhere", "--work-dir", "nowhere", "make it"),
        quantize("--export onnx", "--export knows hf,", "\"onnx\""),
        quantize("--for tgi", "--for knows vllm,", "\"tgi\""),
        quantize("--shard-size 0", "--shard-size", "at least 1"),
        quantize("--resume", "--resume needs --job-dir"),
        quantize("--config FP8_DEFUALT", "did you mean \"FP8_DEFAULT\"?"),
        quantize("--kv-cache int4", "\"int4\"", "did you mean \"int8\"?"),
        quantize("--exclude *qproj", "*qproj", "model.layers.0.self_attn.q_proj"),
        quantize("--config NVFP4_EXPERTS_ONLY", "quantizes nothing", "q_proj", "another config"),
        quantize("--export trtllm --tp 3", "4 heads", "3 GPUs", "choose"),
        quantize("--export trtllm --pp 9", "4 layers", "9 stages", "choose a divisor"),
        quantize("--export trtllm --tp 0", "at least 1, not 0"));
  }

  static Stream<Mistake> guards() {
    return Stream.of(
        quantize("--guard perplexity", "NAME:LIMIT", "perplexity:PERCENT"),
        quantize("--guard perplexity:-1", "not below 0"),
        quantize("--guard bleu:1", "bleu", "tasks are mmlu, arc, hellaswag, gsm8k"),
        quantize("--guard mmlu:1", "--guard-data mmlu=FILE"),
        quantize(
            "--guard perplexity:0.0000001 --config MXFP4_DEFAULT", "not published", "--exclude"));
  }

  static Stream<Mistake> recipes() {
    return Stream.of(
        quantize("--recipe @missing.yaml", "missing.yaml", "no such file"),
        quantize("--recipe @key.yaml", "key.yaml, line 1", "\"rulez\"", "did you mean \"rules\"?"),
        quantize("--recipe @broken.yaml", "broken.yaml", "is not YAML", "line 2"),
        quantize("--recipe @format.yaml", "line 3", "\"fp9\"", "did you mean \"fp8\"?"),
        quantize("--recipe @method.yaml", "line 3", "\"magic\"", "awq_lite"),
        quantize("--recipe @pattern.yaml", "*down_porj", "model.layers.0.mlp.down_proj"),
        quantize("--recipe @option.yaml", "option.yaml", "\"smaples\"", "--samples"),
        quantize("--recipe @twin.yaml --config FP8_DEFAULT", "two configs", "another name"));
  }

  static Stream<Mistake> checkpoints() {
    return Stream.of(
        loading("nowhere", "nowhere does not exist", "HuggingFace checkpoint"),
        loading("text.txt", "text.txt is not a directory"),
        loading("no-config", "config.json is missing"),
        loading("config-not-json", "config.json is not JSON", "line 2"),
        loading("unknown-type", "Mamba9ForCausalLM", "known are LlamaForCausalLM"),
        loading("no-weights", "neither model.safetensors nor"),
        loading("pickled", "pytorch_model.bin", "converted to safetensors"),
        loading("lfs-pointer", "model.safetensors", "git lfs pull"),
        loading("truncated", "model.safetensors", "incomplete"),
        loading("no-tokenizer", "tokenizer.json is missing", "token ids"),
        loading("broken-tokenizer", "tokenizer.json is not a tokenizer"),
        loading("odd-heads", "\"num_attention_heads\" is 7", "multiple of"),
        loading("more-layers", "lacks 45 of the 83 tensors", "model.layers.4.", "incomplete"),
        loading("fewer-layers", "18 tensors besides the 20", "model.layers.2."),
        loading("activation", "\"hidden_act\" is \"sine\"", "silu, gelu"));
  }

  static Stream<Mistake> calibration() {
    return Stream.of(
        quantize("--calib @missing.jsonl", "missing.jsonl does not exist", "check the path"),
        quantize("--calib @empty.jsonl", "empty.jsonl is empty"),
        failing("quantize --model MODEL --out OUT --samples 0", "samples", "0"),
        quantize("--calib @not-json.jsonl", "line 1 is not JSON"),
        quantize("--calib @no-text.jsonl", "line 1", "\"text\"", "its fields are a"),
        quantize("--calib @table.csv", "table.csv", "should end in .jsonl"),
        quantize("--calib @latin.txt", "is not UTF-8", "convert it"),
        quantize("--calib @chat.jsonl", "no chat template", "give samples with a text"),
        quantize("--calib MODEL/model.safetensors", "no tensor input_ids"),
        quantize("--calib @text.txt --calib @empty.jsonl", "empty.jsonl is empty"),
        quantize("--calib @text.txt --calib-weight 0 --calib @text.txt", "positive", "0.0"),
        usage("quantize --model MODEL --out OUT --calib-weight 2", "Missing required", "--calib"),
        failing(
            "quantize --model MODEL --out OUT --calib @text.txt --packed --max-length 4096",
            "text.txt has no usable sample",
            "fewer than 4096 tokens"));
  }

  static Stream<Mistake> evaluation() {
    return Stream.of(
        failing("eval --model MODEL", "--text FILE", "--task"),
        failing("eval --model MODEL --text @missing.txt", "missing.txt does not exist"),
        failing("eval --model MODEL --text @text.txt", "too few for one window", "more text"),
        failing("eval --model MODEL --text @text.txt --sequence-length 1", "at least 2"),
        failing("eval --model MODEL --task mmlu", "--task mmlu needs its questions: --data"),
        failing("eval --model MODEL --task trivia --data @text.txt", "tasks are mmlu, arc"),
        failing("eval --model MODEL --task arc --data @text.txt", "text.txt: line 1"),
        failing("eval --model MODEL --original @nowhere --text @text.txt", "does not exist"),
        failing("serve --model MODEL --port 99999", "the port must be 0 to 65535, not 99999"));
  }

  static Stream<Mistake> otherCommands() {
    return Stream.of(
        failing("verify @nowhere", "no such directory"),
        failing("verify MODEL --for tgi", "--for knows vllm,"),
        failing("inspect @text.txt", "text.txt: has 3 bytes", "no safetensors file"),
        failing("compare MODEL MODEL", "report.json does not exist", "of a finished job"),
        failing("advise --model MODEL --gpu H900", "H900", "known are A100"),
        failing("advise --model MODEL --gpu H100 --gpus 0", "gpus 0", "positive"),
        failing("convert --model MODEL --to onnx --out OUT", "--to knows fp8,", "\"onnx\""),
        failing("convert --model MODEL --to fp8 --out MODEL", "is not empty", "another target"));
  }

  @BeforeAll
  static void breakThings() throws IOException {
    model = PocketModel.extract(directory.resolve("pocket-llama"));
    broken = new Broken(directory.resolve("broken"), model);
  }

  @ParameterizedTest
  @MethodSource({
    "commandLines",
    "options",
    "guards",
    "recipes",
    "checkpoints",
    "calibration",
    "evaluation",
    "otherCommands"
  })
  void saysWhatWhereAndWhatNow(Mistake mistake) throws IOException {
    Path out = directory.resolve("results").resolve("out");
    Files.createDirectories(out.getParent());
    Object[] arguments =
        Arrays.stream(mistake.arguments().split(" "))
            .map(argument -> replaced(argument, out))
            .toArray();
    CommandRun run = CommandRun.of(arguments);
    String message = message(run);
    assertEquals(mistake.exit(), run.exit(), run.err());
    for (String part : mistake.parts()) {
      assertTrue(message.contains(part), part + " is not in: " + message);
    }
    assertFalse(message.contains("Exception"), message);
    assertFalse(message.contains("\tat "), message);
    try (Stream<Path> left = Files.list(out.getParent())) {
      assertEquals(List.of(), left.toList(), "nothing is left behind");
    }
  }

  private static String replaced(String argument, Path out) {
    if (argument.startsWith("@")) {
      return broken.path(argument.substring(1)).toString();
    }
    return argument.replace("MODEL", model.toString()).replace("OUT", out.toString());
  }

  /** Standard error from the message on, without progress before it. */
  private static String message(CommandRun run) {
    int start = run.err().indexOf("modelopt: ");
    assertTrue(start >= 0, "no message in: " + run.err());
    return run.err().substring(start);
  }
}
