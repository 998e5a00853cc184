package org.modelopt.cli;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.modelopt.compute.Backend;
import org.modelopt.compute.Precision;
import org.modelopt.compute.Scope;
import org.modelopt.data.CalibrationData;
import org.modelopt.error.DataException;
import org.modelopt.job.Forward;
import org.modelopt.job.JobOptions;
import org.modelopt.job.Pass;
import org.modelopt.models.HfModel;
import org.modelopt.publish.Publication;
import org.modelopt.safetensors.SafetensorsLayout;
import org.modelopt.safetensors.SafetensorsWriter;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Writes the logits of given tokens. */
@Command(
    name = "forward",
    description = "Writes the logits of given tokens, for comparing with other implementations.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Example:",
      "  modelopt forward --model Llama-3.2-1B --input-ids ids.safetensors --out logits.safetensors"
    })
final class ForwardCommand implements Callable<Integer> {
  private static final String LOGITS = "logits";

  @Spec private CommandSpec spec;

  @Mixin private ModelArgument model = new ModelArgument();

  @Option(
      names = "--input-ids",
      required = true,
      paramLabel = "FILE",
      description = "safetensors file with input_ids [batch, seq] int32.")
  private Path inputIds;

  @Option(
      names = "--out",
      required = true,
      paramLabel = "FILE",
      description = "safetensors file to write: logits [batch, seq, vocabulary] float32.")
  private Path out;

  @Mixin private JobArguments job = new JobArguments();

  @Override
  public Integer call() {
    Terminal terminal = Terminal.of(spec);
    JobOptions options = job.options(terminal.progress(), Optional.of(Precision.FLOAT32));
    try (HfModel opened = model.open();
        Backend backend = options.openBackend();
        Publication publication = Publication.ofFile(out)) {
      List<Tensor> rows = CalibrationData.tokenRows(inputIds).read(Optional.empty()).samples();
      Shape shape = Shape.of(rows.size(), sequence(rows), opened.spec().vocabulary());
      SafetensorsLayout layout =
          SafetensorsLayout.of(List.of(new TensorInfo(LOGITS, DType.F32, shape)));
      publication.requireFreeBytes(layout.byteSize());
      try (SafetensorsWriter writer = SafetensorsWriter.create(publication.path(), layout)) {
        Forward.run(
            "forward",
            opened,
            rows,
            Pass.of(opened, backend, options),
            options,
            (sample, logits) -> append(writer, logits, backend));
        writer.finish();
      }
      publication.commit();
      terminal.line("logits " + shape + " written to " + out);
    }
    return 0;
  }

  private static void append(SafetensorsWriter writer, Tensor logits, Backend backend) {
    try (Scope scope = backend.openScope();
        Arena arena = Arena.ofConfined()) {
      Tensor host = backend.toHost(logits, scope);
      Tensor wide = host;
      if (host.dtype() != DType.F32) {
        wide = Tensor.allocate(arena, DType.F32, host.shape());
        for (long i = 0; i < host.shape().elements(); i++) {
          wide.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, host.getFloat(i));
        }
      }
      writer.write(LOGITS, wide.segment());
    }
  }

  private long sequence(List<Tensor> rows) {
    long length = rows.getFirst().shape().dim(0);
    if (rows.stream().anyMatch(row -> row.shape().dim(0) != length)) {
      throw new DataException(inputIds + ": rows of input_ids differ in length");
    }
    return length;
  }
}
