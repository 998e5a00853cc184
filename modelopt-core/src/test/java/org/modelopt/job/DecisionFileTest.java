package org.modelopt.job;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.SequencedMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.compute.ChannelSummary;
import org.modelopt.decision.Codes;
import org.modelopt.decision.Decisions;
import org.modelopt.decision.InputDecision;
import org.modelopt.decision.LowRankBranch;
import org.modelopt.decision.Quantization;
import org.modelopt.decision.StoredScales;
import org.modelopt.decision.StoredTensor;
import org.modelopt.decision.WeightDecision;
import org.modelopt.decision.WeightQuantization;
import org.modelopt.numeric.Conversion;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.Rounding;
import org.modelopt.numeric.Scales;
import org.modelopt.report.LinearReport;
import org.modelopt.statistics.Statistics;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.transform.Change;
import org.modelopt.transform.Rotation;

/** Every kind of decision goes to disk and comes back with the same bits. */
class DecisionFileTest {
  private static final LinearReport REPORT =
      new LinearReport(
          "a",
          "int4_block_128",
          5,
          0.25,
          OptionalDouble.of(0.1),
          0,
          OptionalDouble.empty(),
          List.of("one", "two"));

  @TempDir private Path directory;

  private static Tensor floats(int count, float first) {
    float[] values = new float[count];
    IntStream.range(0, count).forEach(i -> values[i] = first + i / 7f);
    return Tensor.ofFloats(Arena.ofAuto(), Shape.of(count), values);
  }

  private static Scales scales(float value) {
    return Scales.of(Tensor.ofFloats(Arena.ofAuto(), Shape.scalar(), value));
  }

  private static JobStep step() {
    StoredTensor large = StoredTensor.of(floats(4000, 1));
    StoredTensor codes =
        StoredTensor.of(Tensor.allocate(Arena.ofAuto(), DType.U8, Shape.of(64, 128)));
    Conversion stochastic = Conversion.DEFAULT.withRounding(Rounding.stochastic(7));
    SequencedMap<String, WeightDecision> weights = new LinkedHashMap<>();
    weights.put(
        "a",
        new WeightDecision(
            List.of(
                new Change.ScaleRows(floats(5, 2)),
                new Change.ScaleColumns(floats(6, 3)),
                new Change.RotateColumns(new Rotation(12, true))),
            Optional.of(
                new WeightQuantization(
                    QuantSpec.INT4_BLOCK_128,
                    stochastic,
                    new Codes.Given(codes, new StoredScales(large, 0.1f, Optional.of(large))),
                    Optional.of(Quantization.of(QuantSpec.FP8, scales(0.3f))))),
            Optional.of(new LowRankBranch(large, codes))));
    weights.put(
        "b",
        WeightDecision.of(
            WeightQuantization.of(QuantSpec.NVFP4, Conversion.DEFAULT, new Codes.ByRule(0.7f))));
    weights.put(
        "c",
        new WeightDecision(
            List.of(new Change.RotateRows(Rotation.of(32))), Optional.empty(), Optional.empty()));
    InputDecision input =
        new InputDecision(
            Optional.of(floats(6, 4)),
            Optional.of(Rotation.of(32)),
            Optional.of(Quantization.of(QuantSpec.NVFP4.asDynamic(), Scales.dynamic(0.9f))));
    SequencedMap<String, InputDecision> inputs = new LinkedHashMap<>();
    inputs.put("a", input);
    inputs.put("b", input);
    SequencedMap<String, Quantization> caches = new LinkedHashMap<>();
    caches.put("k", Quantization.of(QuantSpec.FP8, scales(0.2f)));
    SequencedMap<String, List<Change>> parameters = new LinkedHashMap<>();
    parameters.put("norm", List.of(new Change.ScaleNorm(1, floats(6, 5))));
    Statistics seen =
        Statistics.of(new ChannelSummary(3, new float[] {1, 2}, new double[] {0.5, 0.25}));
    return new JobStep(
        List.of(new Decisions(weights, inputs, caches, parameters), Decisions.NONE),
        List.of(List.of(REPORT), List.of()),
        Map.of("site", seen));
  }

  @Test
  void everythingComesBackAndIsWrittenAgainWithTheSameBytes() throws IOException {
    Path first = directory.resolve("first.safetensors");
    Path second = directory.resolve("second.safetensors");
    JobStep step = step();
    DecisionFile.write(first, step);
    JobStep read = DecisionFile.read(first, 2);
    DecisionFile.write(second, read);
    assertArrayEquals(Files.readAllBytes(first), Files.readAllBytes(second));
    assertEquals(step.statistics(), read.statistics());
    assertEquals(step.reports(), read.reports());
    Decisions decisions = read.decisions().getFirst();
    assertEquals(
        List.of("a", "b", "c"), List.copyOf(decisions.weights().keySet()), "order of execution");
    assertSame(decisions.inputs().get("a"), decisions.inputs().get("b"), "shared decisions");
    assertEquals(new Codes.ByRule(0.7f), decisions.weightQuantization("b").orElseThrow().codes());
    Codes.Given given =
        assertInstanceOf(
            Codes.Given.class, decisions.weightQuantization("a").orElseThrow().codes());
    try (Arena arena = Arena.ofConfined()) {
      Scales scales = given.scales().open(arena);
      assertEquals(0.1f, scales.globalScale());
      assertArrayEquals(
          floats(4000, 1).segment().toArray(ValueLayout.JAVA_BYTE),
          scales.values().segment().toArray(ValueLayout.JAVA_BYTE));
    }
    assertEquals(0, read.decisions().getLast().weights().size());
  }

  @Test
  void scratchTensorsKeepTheirBitsAndLeaveNoFileBehind() throws IOException {
    try (ScratchFile scratch = new ScratchFile(Optional.of(directory));
        Arena arena = Arena.ofConfined()) {
      StoredTensor first = scratch.put(floats(3000, 1));
      StoredTensor second = scratch.put(floats(2000, 9));
      assertArrayEquals(floats(3000, 1).toFloats(), first.open(arena).toFloats());
      assertArrayEquals(floats(2000, 9).toFloats(), second.open(arena).toFloats());
    }
    try (var files = Files.list(directory)) {
      assertEquals(0, files.count());
    }
  }
}
