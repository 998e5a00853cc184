package org.modelopt.cli;

import java.nio.file.Path;
import java.util.Collection;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.modelopt.safetensors.SafetensorsCheckpoint;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.TensorInfo;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Lists what is in a checkpoint; reads headers only. */
@Command(
    name = "inspect",
    description = "Lists the tensors of a checkpoint. Reads headers, no weights.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Examples:",
      "  modelopt inspect Llama-3.2-1B",
      "  modelopt inspect model.safetensors --json"
    })
final class InspectCommand implements Callable<Integer> {
  private record Share(long tensors, long bytes) {
    Share plus(Share other) {
      return new Share(tensors + other.tensors, bytes + other.bytes);
    }
  }

  @Spec private CommandSpec spec;

  @Parameters(
      paramLabel = "FILE|DIR",
      description = "A safetensors file or a checkpoint directory.")
  private Path path;

  @Option(names = "--json", description = "Print JSON.")
  private boolean json;

  @Override
  public Integer call() {
    Collection<TensorInfo> tensors = SafetensorsCheckpoint.open(path).tensors();
    Terminal terminal = Terminal.of(spec);
    if (json) {
      terminal.line(Json.text(asJson(tensors)));
      return 0;
    }
    int width = tensors.stream().mapToInt(tensor -> tensor.name().length()).max().orElse(0);
    for (TensorInfo tensor : tensors) {
      terminal.line(
          "%-8s %10s  %-{w}s  %s"
              .replace("{w}", Integer.toString(Math.max(1, width)))
              .formatted(
                  tensor.dtype(), Sizes.bytes(tensor.byteSize()), tensor.name(), tensor.shape()));
    }
    long bytes = tensors.stream().mapToLong(TensorInfo::byteSize).sum();
    terminal.line("");
    shares(tensors)
        .forEach((dtype, share) ->
            terminal.line(
                "%-8s %10s  %,d tensors"
                    .formatted(dtype, Sizes.bytes(share.bytes), share.tensors)));
    terminal.line("%-8s %10s  %,d tensors".formatted("all", Sizes.bytes(bytes), tensors.size()));
    return 0;
  }

  private static Map<DType, Share> shares(Collection<TensorInfo> tensors) {
    Map<DType, Share> shares = new TreeMap<>();
    for (TensorInfo tensor : tensors) {
      shares.merge(tensor.dtype(), new Share(1, tensor.byteSize()), Share::plus);
    }
    return shares;
  }

  private static ObjectNode asJson(Collection<TensorInfo> tensors) {
    ObjectNode result = Json.object();
    ArrayNode list = result.putArray("tensors");
    for (TensorInfo tensor : tensors) {
      ObjectNode node = list.addObject();
      node.put("name", tensor.name());
      node.put("dtype", tensor.dtype().name());
      ArrayNode shape = node.putArray("shape");
      tensor.shape().dims().forEach(shape::add);
      node.put("bytes", tensor.byteSize());
    }
    ObjectNode types = result.putObject("dtypes");
    shares(tensors)
        .forEach((dtype, share) ->
            types.putObject(dtype.name()).put("tensors", share.tensors).put("bytes", share.bytes));
    result.put("bytes", tensors.stream().mapToLong(TensorInfo::byteSize).sum());
    return result;
  }
}
