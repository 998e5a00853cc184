package org.modelopt.export.verify;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.export.verify.report.Finding;
import org.modelopt.export.verify.report.VerifyReport;

/** Writes checkpoints, verifies them, and says what is expected of the report. */
abstract class VerifierFixture {
  static final String Q = "model.layers.1.self_attn.q_proj";
  static final String O = "model.layers.1.self_attn.o_proj";
  static final String GATE = "model.layers.1.mlp.gate_proj";
  static final String DOWN = "model.layers.1.mlp.down_proj";

  @TempDir static Path originals;
  private static final Map<TestCheckpoint, Path> WRITTEN = new HashMap<>();

  @TempDir Path folder;
  private int written;

  @BeforeAll
  static void forgetOriginals() {
    WRITTEN.clear();
  }

  /** Where {@code model} was written; tests do not change originals. */
  static Path original(TestCheckpoint model) {
    return WRITTEN.computeIfAbsent(
        model, m -> m.write(originals.resolve("original-" + WRITTEN.size())));
  }

  /** A folder of its own for each checkpoint. */
  Path next() {
    return folder.resolve("checkpoint-" + written++);
  }

  VerifyReport verify(TestCheckpoint export, TestCheckpoint original, Consumer... consumers) {
    return verify(export.write(next()), original, consumers);
  }

  VerifyReport verify(Path export, TestCheckpoint original, Consumer... consumers) {
    VerifyOptions options = VerifyOptions.of(consumers).withThreads(1);
    return Verifier.verify(
        export, original == null ? options : options.withOriginal(original(original)));
  }

  static void assertPasses(VerifyReport report) {
    assertTrue(report.passed(), report::toText);
  }

  /** An error of this kind at a place that contains {@code where}, for all of {@code consumers}. */
  static void assertFound(VerifyReport report, String what, String where, Consumer... consumers) {
    assertHas(report, report.errorFindings(), what, where, consumers);
  }

  static void assertNoted(VerifyReport report, String what, String where, Consumer... consumers) {
    assertHas(report, report.notes(), what, where, consumers);
  }

  private static void assertHas(
      VerifyReport report,
      List<Finding> findings,
      String what,
      String where,
      Consumer... consumers) {
    assertTrue(
        findings.stream()
            .anyMatch(f ->
                f.what().contains(what)
                    && f.where().toString().contains(where)
                    && List.of(consumers).stream().allMatch(f::concerns)),
        () -> "no \"%s\" at %s in:%n%s".formatted(what, where, report.toText()));
  }
}
