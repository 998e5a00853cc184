package org.modelopt.export.gguf.verify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.modelopt.error.CheckpointException;
import org.modelopt.error.ConfigException;
import org.modelopt.export.gguf.GgufCopy;
import org.modelopt.export.gguf.GgufExport;
import org.modelopt.export.gguf.GgufType;
import org.modelopt.export.gguf.container.GgufTensor;
import org.modelopt.export.gguf.container.GgufValue;
import org.modelopt.export.gguf.container.ValueType;
import org.modelopt.export.verify.Verifier;
import org.modelopt.export.verify.VerifyOptions;
import org.modelopt.export.verify.report.VerifyReport;
import org.modelopt.formats.ggml.GgmlType;
import org.modelopt.models.pocket.PocketModel;

/** Sabotage: each defect is planted in a good file, and found. */
class GgufVerifierTest {
  @TempDir private static Path shared;
  @TempDir private Path directory;

  private static final String TOKENS = "tokenizer.ggml.tokens";

  @BeforeAll
  static void export() {
    Path source = PocketModel.extract(shared.resolve("model"));
    GgufExport.of(source).type(GgufType.Q4_0).to(shared.resolve("good.gguf"));
  }

  /** A defect that the file alone shows. */
  enum Defect {
    MISSING_KEY("missing key", c -> c.metadata.remove("llama.block_count")),
    MISSING_EPSILON(
        "missing key", c -> c.metadata.remove("llama.attention.layer_norm_rms_epsilon")),
    KEY_OF_ANOTHER_INTEGER_TYPE(
        "key of the wrong type",
        c -> c.metadata.put("llama.context_length", new GgufValue.Figure(ValueType.I32, 1024L))),
    DOUBLE_FOR_FLOAT(
        "key of the wrong type",
        c -> c.metadata.put("llama.rope.freq_base", new GgufValue.Figure(ValueType.F64, 1e4))),
    OLD_QUANTIZATION(
        "value that does not fit",
        c -> c.metadata.put("general.quantization_version", GgufValue.u32(1))),
    HEADS_THAT_DO_NOT_DIVIDE(
        "value that does not fit",
        c -> c.metadata.put("llama.attention.head_count_kv", GgufValue.u32(3))),
    WRONG_ROTARY_SIZE(
        "value that does not fit",
        c -> c.metadata.put("llama.rope.dimension_count", GgufValue.u32(16))),
    UNKNOWN_ARCHITECTURE(
        "architecture that is not known",
        c -> c.metadata.put("general.architecture", GgufValue.text("lama"))),
    NO_TOKENS("tokenizer without", c -> c.metadata.remove(TOKENS)),
    TOKEN_TWICE("list of tokens", c -> tokens(c, list -> list.set(7, list.get(8)))),
    TOKEN_TOO_FEW("list of tokens", c -> tokens(c, List::removeLast)),
    UNSIGNED_KINDS(
        "wrong value in the tokenizer",
        c ->
            c.metadata.put(
                "tokenizer.ggml.token_type",
                new GgufValue.Items(ValueType.U32, Collections.nCopies(2048, GgufValue.u32(1))))),
    NO_MERGES("tokenizer without", c -> c.metadata.remove("tokenizer.ggml.merges")),
    FOREIGN_MERGE(
        "wrong value in the tokenizer",
        c -> c.metadata.put("tokenizer.ggml.merges", GgufValue.texts(List.of("\u4e00 \u4e01")))),
    UNKNOWN_SPLIT(
        "tokenizer without",
        c -> c.metadata.put("tokenizer.ggml.pre", GgufValue.text("llama4-bpe"))),
    NO_END("tokenizer without", c -> c.metadata.remove("tokenizer.ggml.eos_token_id")),
    END_OUT_OF_RANGE(
        "wrong value in the tokenizer",
        c -> c.metadata.put("tokenizer.ggml.eos_token_id", GgufValue.u32(2048))),
    MISSING_TENSOR("missing tensor", c -> c.tensors.remove("blk.3.ffn_up.weight")),
    SPARE_TENSOR(
        "nobody reads", c -> c.put(GgufTensor.of("rope.inv_freq", GgmlType.F32, 16), new byte[64])),
    TURNED_SHAPE(
        "wrong shape",
        c ->
            c.put(
                GgufTensor.of("blk.0.ffn_up.weight", GgmlType.Q4_0, 384, 128),
                c.bytes.get("blk.0.ffn_up.weight"))),
    NORM_IN_HALF(
        "type that cannot",
        c -> c.put(GgufTensor.of("blk.0.attn_norm.weight", GgmlType.F16, 128), new byte[256])),
    INTERMEDIATE_TYPE(
        "type that cannot",
        c ->
            c.put(
                GgufTensor.of("blk.0.ffn_up.weight", GgmlType.Q8_1, 128, 384),
                new byte[384 * 4 * 36])),
    INFINITE_SCALE(
        "not finite",
        c ->
            c.edit(
                "blk.2.attn_v.weight",
                bytes -> {
                  bytes[18 * 5] = 0;
                  bytes[18 * 5 + 1] = 0x7C;
                })),
    NAN_IN_A_NORM(
        "not finite",
        c -> c.edit("output_norm.weight", bytes -> Arrays.fill(bytes, 8, 12, (byte) 0xFF))),
    SCALE_OF_ANOTHER_SHAPE(
        "wrong shape",
        c -> c.put(GgufTensor.of("blk.0.attn_q.scale", GgmlType.F32, 2), new byte[8]));

    private final String what;
    private final Consumer<GgufCopy> plant;

    Defect(String what, Consumer<GgufCopy> plant) {
      this.what = what;
      this.plant = plant;
    }
  }

  /** A defect that only shows beside the original. */
  enum Change {
    SWAPPED_NIBBLES(
        "values of another tensor",
        c ->
            c.edit(
                "blk.1.ffn_up.weight",
                b -> {
                  for (int i = 0; i < b.length; i++) {
                    if (i % 18 > 1) {
                      b[i] = (byte) ((b[i] & 15) << 4 | (b[i] >>> 4 & 15));
                    }
                  }
                })),
    ROWS_NOT_PERMUTED(
        "values of another tensor", c -> c.edit("blk.0.attn_q.weight", b -> turn(b, 18 * 4, 32))),
    HALVED_SCALES(
        "values of another tensor",
        c ->
            c.edit(
                "blk.0.ffn_down.weight",
                b -> {
                  for (int i = 1; i < b.length; i += 18) {
                    b[i] = (byte) (b[i] - 4); // one off the exponent
                  }
                })),
    ANOTHER_NORM(
        "values of another tensor",
        c ->
            c.put(
                c.tensors.get("blk.0.attn_norm.weight"),
                c.bytes.get("blk.0.ffn_norm.weight").clone())),
    EXCHANGED_LAYERS(
        "values of another tensor",
        c -> {
          byte[] one = c.bytes.get("blk.1.attn_v.weight");
          c.bytes.put("blk.1.attn_v.weight", c.bytes.get("blk.2.attn_v.weight"));
          c.bytes.put("blk.2.attn_v.weight", one);
        }),
    ANOTHER_BASE(
        "metadata of another model",
        c -> c.metadata.put("llama.rope.freq_base", GgufValue.f32(500_000))),
    ANOTHER_CONTEXT(
        "metadata of another model",
        c -> c.metadata.put("llama.context_length", GgufValue.u32(4096))),
    TOKENS_MOVED(
        "metadata of another model", c -> tokens(c, list -> Collections.swap(list, 500, 501))),
    NO_BEGIN(
        "metadata of another model",
        c -> c.metadata.put("tokenizer.ggml.add_bos_token", GgufValue.flag(false)));

    private final String what;
    private final Consumer<GgufCopy> plant;

    Change(String what, Consumer<GgufCopy> plant) {
      this.what = what;
      this.plant = plant;
    }
  }

  private static void tokens(GgufCopy copy, Consumer<List<GgufValue>> change) {
    List<GgufValue> list = new ArrayList<>(((GgufValue.Items) copy.metadata.get(TOKENS)).values());
    change.accept(list);
    copy.metadata.put(TOKENS, new GgufValue.Items(ValueType.STRING, list));
  }

  /** Puts rows of heads back into the order of halves. */
  private static void turn(byte[] bytes, int rowBytes, int head) {
    byte[] before = bytes.clone();
    for (int row = 0; row < bytes.length / rowBytes; row++) {
      int inHead = row % head;
      int to = row - inHead + inHead % 2 * (head / 2) + inHead / 2;
      System.arraycopy(before, row * rowBytes, bytes, to * rowBytes, rowBytes);
    }
  }

  @Test
  void theGoodFilePasses() {
    VerifyReport report =
        GgufVerifier.of(shared.resolve("good.gguf")).withOriginal(shared.resolve("model")).run();
    assertTrue(report.passed(), report.toText());
    assertEquals(List.of(), report.findings());
    assertEquals(report.tensorsChecked(), report.errors().size());
  }

  @ParameterizedTest
  @EnumSource(Defect.class)
  void everyDefectIsFoundInTheFileAlone(Defect defect) {
    GgufCopy copy = GgufCopy.of(shared.resolve("good.gguf"));
    defect.plant.accept(copy);
    assertFound(defect.what, GgufVerifier.of(copy.write(directory.resolve("x.gguf"))).run());
  }

  @ParameterizedTest
  @EnumSource(Change.class)
  void everyChangeIsFoundBesideTheOriginal(Change change) {
    GgufCopy copy = GgufCopy.of(shared.resolve("good.gguf"));
    change.plant.accept(copy);
    Path file = copy.write(directory.resolve("x.gguf"));
    assertTrue(GgufVerifier.of(file).run().passed(), "nothing is wrong with the file alone");
    assertFound(change.what, GgufVerifier.of(file).withOriginal(shared.resolve("model")).run());
  }

  private static void assertFound(String what, VerifyReport report) {
    assertTrue(
        report.errorFindings().stream().anyMatch(finding -> finding.what().contains(what)),
        report.toText());
  }

  @Test
  void aTruncatedFileIsAFinding() throws IOException {
    byte[] bytes = Files.readAllBytes(shared.resolve("good.gguf"));
    Path file = directory.resolve("x.gguf");
    Files.write(file, Arrays.copyOf(bytes, bytes.length / 2));
    assertFound("broken file", GgufVerifier.of(file).run());
  }

  @Test
  void filesAndDirectoriesAreNotMistakenForEachOther() {
    Path good = shared.resolve("good.gguf");
    VerifyOptions vllm = VerifyOptions.of(org.modelopt.export.verify.report.Consumer.VLLM);
    VerifyOptions llama = VerifyOptions.of(org.modelopt.export.verify.report.Consumer.LLAMA_CPP);
    assertThrows(ConfigException.class, () -> Verifier.verify(good, vllm));
    assertThrows(ConfigException.class, () -> Verifier.verify(shared.resolve("model"), llama));
    assertThrows(
        CheckpointException.class, () -> Verifier.verify(shared.resolve("none.gguf"), llama));
    assertTrue(Verifier.verify(good, llama).passed());
  }
}
