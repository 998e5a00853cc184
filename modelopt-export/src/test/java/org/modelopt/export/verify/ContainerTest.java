package org.modelopt.export.verify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.modelopt.export.verify.report.Consumer.VLLM;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.modelopt.export.verify.report.VerifyReport;
import tools.jackson.databind.node.ObjectNode;

class ContainerTest extends VerifierFixture {
  private static final TestCheckpoint LLAMA = TinyModels.llama();
  private static final TestCheckpoint VALID = ModelOptExports.fp8(LLAMA);
  private static final String INDEX = "model.safetensors.index.json";
  private static final String FIRST = TestCheckpoint.shardName(0, 2);
  private static final String SECOND = TestCheckpoint.shardName(1, 2);

  private VerifyReport verify(Path export) {
    return verify(export, LLAMA, VLLM);
  }

  private static ObjectNode index(Path export) throws IOException {
    return TestCheckpoint.json(Files.readString(export.resolve(INDEX)));
  }

  private static void write(Path export, ObjectNode index) throws IOException {
    Files.writeString(export.resolve(INDEX), index.toString());
  }

  @Test
  void aTruncatedFileIsNamedAndNothingElse() throws IOException {
    Path export = VALID.write(next());
    Path file = export.resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(file);
    Files.write(file, Arrays.copyOf(bytes, bytes.length - 2));

    VerifyReport report = verify(export);

    assertFound(report, "malformed safetensors file", "model.safetensors");
    assertEquals(1, report.errorFindings().size(), report::toText);
  }

  @Test
  void aTruncatedShardIsNamedAndItsTensorsAreNotReportedMissing() throws IOException {
    Path export = VALID.writeShards(next(), 2);
    Path file = export.resolve(SECOND);
    byte[] bytes = Files.readAllBytes(file);
    Files.write(file, Arrays.copyOf(bytes, bytes.length / 2));

    VerifyReport report = verify(export);

    assertFound(report, "malformed safetensors file", SECOND);
    assertEquals(1, report.errorFindings().size(), report::toText);
  }

  @Test
  void aMissingShardIsNamed() throws IOException {
    Path export = VALID.writeShards(next(), 2);
    Files.delete(export.resolve(FIRST));

    VerifyReport report = verify(export);

    assertFound(report, "missing shard", FIRST);
    assertEquals(1, report.errorFindings().size(), report::toText);
  }

  @Test
  void aTensorInTwoShardsIsNamed() throws IOException {
    Path export = VALID.writeShards(next(), 2);
    String twice = "model.norm.weight";
    String other =
        index(export).get("weight_map").get(twice).asString().equals(FIRST) ? SECOND : FIRST;
    TestCheckpoint shard = new TestCheckpoint();
    var names = index(export).get("weight_map");
    VALID.tensors.forEach((name, tensor) -> {
      if (name.equals(twice) || names.get(name).asString().equals(other)) {
        shard.put(name, tensor);
      }
    });
    Files.write(export.resolve(other), TestCheckpoint.safetensors(shard.tensors, "pt"));

    assertFound(verify(export), "tensor in two files", twice);
  }

  @Test
  void anIndexThatNamesTheWrongShardIsFound() throws IOException {
    Path export = VALID.writeShards(next(), 2);
    ObjectNode index = index(export);
    String name = "model.norm.weight";
    ObjectNode map = (ObjectNode) index.get("weight_map");
    map.put(name, map.get(name).asString().equals(FIRST) ? SECOND : FIRST);
    write(export, index);

    assertFound(verify(export), "index and shards disagree", name);
  }

  @Test
  void anIndexThatLeavesATensorOutIsFound() throws IOException {
    Path export = VALID.writeShards(next(), 2);
    ObjectNode index = index(export);
    ((ObjectNode) index.get("weight_map")).remove("model.norm.weight");
    write(export, index);

    assertFound(verify(export), "index and shards disagree", "model.norm.weight");
  }

  @Test
  void anIndexThatNamesATensorThatIsNotThereIsFound() throws IOException {
    Path export = VALID.writeShards(next(), 2);
    ObjectNode index = index(export);
    ((ObjectNode) index.get("weight_map")).put("model.extra.weight", FIRST);
    write(export, index);

    assertFound(verify(export), "index and shards disagree", "model.extra.weight");
  }

  @Test
  void anIndexThatPointsOutsideIsFound() throws IOException {
    Path export = VALID.writeShards(next(), 2);
    ObjectNode index = index(export);
    ((ObjectNode) index.get("weight_map")).put("model.norm.weight", "../" + FIRST);
    write(export, index);

    assertFound(verify(export), "index and shards disagree", "model.norm.weight");
  }

  @Test
  void aWrongTotalSizeIsFound() throws IOException {
    Path export = VALID.writeShards(next(), 2);
    ObjectNode index = index(export);
    ((ObjectNode) index.get("metadata")).put("total_size", 5);
    write(export, index);

    assertFound(verify(export), "index and shards disagree", "total_size");
  }

  @Test
  void anIndexThatIsNoJsonIsFound() throws IOException {
    Path export = VALID.writeShards(next(), 2);
    Files.writeString(export.resolve(INDEX), "{");

    assertFound(verify(export), "malformed JSON", INDEX);
  }

  @Test
  void aFileThatTheIndexDoesNotNameIsFound() throws IOException {
    Path export = VALID.writeShards(next(), 2);
    Files.write(
        export.resolve("model.safetensors"),
        TestCheckpoint.safetensors(Map.of("a", TestTensor.scalar(1)), "pt"));

    assertFound(verify(export), "not part of the checkpoint", "model.safetensors");
  }

  @Test
  void missingMetadataIsFound() throws IOException {
    Path export = VALID.write(next());
    Files.write(
        export.resolve("model.safetensors"), TestCheckpoint.safetensors(VALID.tensors, null));

    assertFound(verify(export), "metadata without format", "model.safetensors");
  }

  @Test
  void anotherFormatInTheMetadataIsFound() throws IOException {
    Path export = VALID.write(next());
    Files.write(
        export.resolve("model.safetensors"), TestCheckpoint.safetensors(VALID.tensors, "np"));

    assertFound(verify(export), "metadata without format", "model.safetensors");
  }

  @Test
  void noWeightsAtAllAreFound() throws IOException {
    Path export = VALID.write(next());
    Files.delete(export.resolve("model.safetensors"));

    VerifyReport report = verify(export);

    assertFound(report, "no weights", "the export");
    assertEquals(1, report.errorFindings().size(), report::toText);
  }

  @Test
  void aConfigWithADuplicateKeyIsFound() throws IOException {
    Path export = VALID.write(next());
    String text = Files.readString(export.resolve("config.json"));
    Files.writeString(export.resolve("config.json"), "{\"hidden_size\": 1, " + text.substring(1));

    assertFound(verify(export), "malformed JSON", "config.json");
  }

  @Test
  void aConfigThatIsNoUtf8IsFound() throws IOException {
    Path export = VALID.write(next());
    Files.write(
        export.resolve("config.json"), "{\"name\": \"é\"}".getBytes(StandardCharsets.ISO_8859_1));

    assertFound(verify(export), "malformed JSON", "config.json");
  }
}
